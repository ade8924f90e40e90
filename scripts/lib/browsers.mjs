// The browsers and WebDriver servers that the tests run in.

import { aptInstall, hasApt } from "./apt.mjs";
import { read, which } from "./run.mjs";
import { toolEnv } from "./toolchain.mjs";
import { ensureTool, geckodriver } from "./tools.mjs";

const CHROME_NAMES = ["chromium", "google-chrome", "google-chrome-stable", "chromium-browser"];

/** The paths of `chrome`, `chromedriver`, `firefox` and `geckodriver`, each `null` when missing.
 *  A Chrome that the driver is not made for counts as missing: the driver would refuse it. */
export function findBrowsers(env = toolEnv()) {
  const find = (...names) => which(names, env.PATH);
  const chromedriver = find("chromedriver");
  const chrome = CHROME_NAMES.map((name) => find(name)).find(
    (path) => path && chromedriver && majorVersion(path) === majorVersion(chromedriver),
  );
  return {
    chrome: chrome ?? null,
    chromedriver,
    firefox: find("firefox", "firefox-esr"),
    geckodriver: find("geckodriver"),
  };
}

/** As `findBrowsers`, where none may be missing. */
export function requireBrowsers(env) {
  const browsers = findBrowsers(env);
  const missing = Object.keys(browsers).filter((name) => !browsers[name]);
  if (missing.length === 0) return browsers;
  throw new Error(`${missing.join(", ")} missing: npm run setup -- --browsers`);
}

/** Installs the browsers that are missing; throws naming those that cannot be had. */
export function ensureBrowsers(env) {
  const { chrome, firefox, ...drivers } = findBrowsers(env);
  const packages = [
    ...(chrome ? [] : ["chromium", "chromium-driver"]),
    ...(firefox ? [] : ["firefox-esr"]),
  ];
  if (packages.length > 0 && hasApt()) installPackages(packages);
  if (!drivers.geckodriver) ensureTool(geckodriver(), env);
  const missing = Object.entries(findBrowsers()).filter(([, path]) => path === null);
  if (missing.length > 0) throw new Error(missingMessage(missing.map(([name]) => name)));
}

/** A failure is not the end: not every system with apt-get has these packages. */
function installPackages(packages) {
  console.log(`Installing ${packages.join(", ")}: about a minute.`);
  try {
    aptInstall(packages);
  } catch (error) {
    console.log(error.message);
  }
}

function missingMessage(names) {
  return `not on PATH: ${names.join(", ")}.
Install Chromium or Chrome with the chromedriver of the same major version, and Firefox with
geckodriver; then run this again.`;
}

const majorVersion = (program) =>
  read(program, ["--version"], { stdio: "pipe" })?.match(/\d+/)?.[0];
