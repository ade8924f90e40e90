// Imports it and uses nothing of it: a bundler may leave all of it out.

import "flowmaestro-websocket";

document.title = "App";
