// For a page whose policy forbids WebAssembly.

import { init, websocket } from "flowmaestro-websocket";

const output = document.querySelector("output");

init();
websocket.connect("token");
try {
  websocket.on("node:completed", () => {});
} catch ({ name, code, message }) {
  const { status } = websocket.state;
  output.textContent = JSON.stringify({ name, code, message, status });
}
