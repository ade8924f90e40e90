// WebKit (WebKitGTK's) with its WebDriver server, and the display that it needs: it has no headless mode.

import { aptInstall, hasApt } from "./apt.mjs";
import { which } from "./run.mjs";

/** The paths of `driver` and `display`, each `null` when missing. */
export function findWebKit() {
  return { driver: which(["WebKitWebDriver"]), display: which(["Xvfb"]) };
}

/** Whether tests can run in WebKit here. */
export function hasWebKit() {
  return Object.values(findWebKit()).every((path) => path !== null);
}

/** Installs it where that can be done. Elsewhere than on Debian and its like nobody packages it: the tests
 *  then say that they are skipped. */
export function ensureWebKit() {
  if (hasWebKit() || !hasApt()) return;
  console.log("Installing webkit2gtk-driver and xvfb: about a minute.");
  try {
    aptInstall(["webkit2gtk-driver", "xvfb"]);
  } catch (error) {
    console.log(`Nothing will be tested in WebKit: ${error.message}`);
  }
}
