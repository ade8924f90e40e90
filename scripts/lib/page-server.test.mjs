import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { test } from "node:test";
import { pageServer } from "./page-server.mjs";

test("the server gets its connections when it is announced, one after another", async () => {
  const { address, onOutput } = await pageServer();
  const [host, port] = address.split(":");
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
  server.listen(Number(port), host);
  await once(server, "listening");
  onOutput("Set the timeout\nRunning headless te");
  onOutput("sts in Chrome on");
  assert.deepEqual(sockets, []);
  onOutput(" `http://127.0.0.1:1/`\nTry find");
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
