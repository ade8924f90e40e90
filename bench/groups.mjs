// The figures, and what they are measured in.

import { connect } from "./figures/connect.mjs";
import { dispatch } from "./figures/dispatch.mjs";
import { gateway } from "./figures/gateway.mjs";
import { memory } from "./figures/memory.mjs";
import { react } from "./figures/react.mjs";
import { size } from "./figures/size.mjs";
import { Browser } from "./lib/browser.mjs";
import { Site } from "./lib/site.mjs";

/**
 * Each returns its figures: `{ title, note?, rows }`. With `quick` they only show that they can be
 * measured.
 * @type {Record<string, (context: { browser: Browser, quick: boolean }) => Promise<object[]>>}
 */
export const GROUPS = { size, dispatch, connect, memory, react, gateway };

const PAGES = ["dispatch.ts", "connect.ts", "import.ts", "memory.ts", "react.tsx"];

/** A browser for the figures; `close` ends all that was started. */
export async function startBrowser() {
  const site = await Site.start(PAGES);
  const browser = await Browser.start(site);
  const close = async () => {
    await browser.close();
    site.close();
  };
  return { browser, close };
}
