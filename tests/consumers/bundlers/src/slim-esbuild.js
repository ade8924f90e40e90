import wasmUrl from "flowmaestro-websocket/flowmaestro_websocket.wasm";
import { init, websocket } from "flowmaestro-websocket/slim";
import { follow } from "./follow.js";

init(wasmUrl).then(() => follow(websocket));
