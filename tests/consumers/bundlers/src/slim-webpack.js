import { init, websocket } from "flowmaestro-websocket/slim";
import { follow } from "./follow.js";

const wasmUrl = new URL("flowmaestro-websocket/flowmaestro_websocket.wasm", import.meta.url);

init(wasmUrl).then(() => follow(websocket));
