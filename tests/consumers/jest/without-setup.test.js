const { expect, test } = require("@jest/globals");
const { websocket } = require("flowmaestro-websocket");

test("can be imported, and says at its first use what is missing", () => {
  expect(websocket.state).toEqual({ status: "disconnected" });
  expect(() => websocket.on("node:completed", () => {})).toThrow(
    /no TextDecoder here, .* setup file, from node:util/,
  );
});
