import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { test } from "node:test";
import { occupyPageServers } from "./page-server.mjs";

test("each server that the runner names gets its connections, one after another", async () => {
  const sockets = [];
  let unanswered = 0;
  const { promise: all, resolve } = withResolvers();
  const server = createServer((socket) => {
    unanswered++;
    assert.equal(unanswered, 1, "the one before has its answer");
    sockets.push(socket);
    socket.once("data", () => {
      unanswered--;
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
      if (sockets.length === 4) resolve();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const onOutput = occupyPageServers();
  const line = `Running headless tests in Chrome on \`http://127.0.0.1:${server.address().port}/\`\n`;
  onOutput(`Set the timeout\n${line.slice(0, 30)}`);
  onOutput(line.slice(30).trimEnd());
  onOutput("\nTry find");
  await all;
  onOutput(" `webdriver.json`\n"); // says nothing new
  for (const socket of sockets) assert.ok(!socket.destroyed, "it is held");
  for (const socket of sockets) socket.destroy();
  server.close();
  await once(server, "close");
  assert.equal(sockets.length, 4);
});

function withResolvers() {
  let resolve;
  const promise = new Promise((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
