// Each of these is a copy of its own in the bundle: ESM and CommonJS, whole and slim.

import { websocket } from "flowmaestro-websocket";
import { websocket as slim } from "flowmaestro-websocket/slim";
import { follow } from "./follow.js";

const commonJs = require("flowmaestro-websocket").websocket;

if (slim !== websocket || commonJs !== websocket) throw new Error("there are several clients");
follow(websocket);
