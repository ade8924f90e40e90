import { websocket } from "flowmaestro-websocket";
import { follow } from "./follow.js";

follow(websocket);
