import wasmUrl from "flowmaestro-websocket/flowmaestro_websocket.wasm?url";
import { init, websocket } from "flowmaestro-websocket/slim";
import { follow } from "./follow.js";

await init(wasmUrl);
follow(websocket);
