// @vitest-environment jsdom

import { expect, test } from "vitest";
import { playInPage } from "./page.js";

const globals = () => [window.WebSocket, window.Date, window.setTimeout, performance.now];

test("the kit works in jsdom, and puts its globals back", async () => {
  const before = globals();
  await playInPage();
  expect(globals()).toEqual(before);
});
