// Chromium, and what a page in it has to do.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { chromium } from "playwright-core";
import { findBrowsers } from "../../../scripts/lib/browsers.mjs";
import { toolEnv } from "../../../scripts/lib/toolchain.mjs";
import { completeNode, newUser } from "./gateway.mjs";

const PATIENCE_MS = 15_000;

export function launchChromium() {
  return chromium.launch({
    executablePath: findBrowsers(toolEnv()).chrome,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"],
  });
}

/** Opens the page for a new user, who is in its address. `problems` is what goes wrong in it. */
export async function openPage(browser, address) {
  const user = await newUser();
  const page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const problems = [];
  const sockets = [];
  page.on("websocket", (socket) => {
    if (socket.url().startsWith(user.url)) sockets.push(socket);
  });
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("console", (message) => {
    // No page here has an icon, which Chromium asks for all the same.
    if (message.location().url.endsWith("/favicon.ico")) return;
    if (["error", "warning"].includes(message.type())) problems.push(message.text());
  });
  await page.addInitScript(() => {
    addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI }) => {
      console.error(`${effectiveDirective} forbids ${blockedURI}`);
    });
  });
  await page.goto(`${address}?${new URLSearchParams(user)}`);
  return { page, user, problems, sockets };
}

/** The page shows an event of its user's execution, over one socket, and nothing goes wrong. */
export async function assertShowsEvents(browser, address) {
  const { page, user, problems, sockets } = await openPage(browser, address);
  try {
    await page.locator("output[data-subscribed]").waitFor({ state: "attached" });
    const nodeId = randomUUID();
    await completeNode(user.execution, nodeId);
    await page.getByText(nodeId).waitFor();
  } catch (error) {
    throw new Error([error.message, ...problems].join("\n"));
  } finally {
    await page.close();
  }
  assert.deepEqual(problems, []);
  assert.equal(sockets.length, 1);
}
