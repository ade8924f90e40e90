// `npm run bench`: the package beside its peers, in one browser. Figures are only worth something
// beside each other: what is compared runs in turns in one page, and ratios are what counts.
//
//   npm run bench                   everything; some minutes
//   npm run bench -- dispatch size  only these
//   npm run bench -- --quick        a few rounds of each: whether it works, not how fast

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { connect } from "../bench/figures/connect.mjs";
import { dispatch } from "../bench/figures/dispatch.mjs";
import { gateway } from "../bench/figures/gateway.mjs";
import { memory } from "../bench/figures/memory.mjs";
import { react } from "../bench/figures/react.mjs";
import { size } from "../bench/figures/size.mjs";
import { Browser } from "../bench/lib/browser.mjs";
import { describeMachine } from "../bench/lib/machine.mjs";
import { printTable } from "../bench/lib/report.mjs";
import { Site } from "../bench/lib/site.mjs";
import { fail, ROOT } from "./lib/run.mjs";

const GROUPS = { size, dispatch, connect, memory, react, gateway };

const PAGES = ["dispatch.ts", "connect.ts", "memory.ts", "react.tsx"];

const RESULTS = join(ROOT, "bench/results.json");

try {
  const { values, positionals } = parseArgs({
    options: { quick: { type: "boolean", default: false } },
    allowPositionals: true,
  });
  await bench(values.quick, positionals.length > 0 ? positionals : Object.keys(GROUPS));
} catch (error) {
  fail(error);
}

async function bench(quick, names) {
  const site = await Site.start(PAGES);
  const browser = await Browser.start(site);
  try {
    const machine = describeMachine(browser.version);
    console.log(Object.values(machine).join(", "));
    const figures = [];
    for (const name of names) {
      const measured = await measure(name, { browser, quick });
      printTable(measured);
      figures.push(...measured);
    }
    if (quick) return console.log("\nA quick run: everything works, the values mean nothing.");
    writeFileSync(RESULTS, `${JSON.stringify({ machine, figures }, null, 2)}\n`);
  } finally {
    await browser.close();
    site.close();
  }
}

async function measure(name, context) {
  const group = GROUPS[name];
  if (!group) throw new Error(`no figures ${name}: there are ${Object.keys(GROUPS).join(", ")}`);
  console.log(`\nmeasuring ${name} …`);
  return group(context);
}
