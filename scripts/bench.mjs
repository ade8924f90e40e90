// `npm run bench`: the package beside its peers, in one browser. Figures are only worth something
// beside each other: what is compared runs in turns, and ratios are what counts.
//
//   npm run bench                   everything; some ten minutes
//   npm run bench -- dispatch size  only these
//   npm run bench -- --quick        a few rounds of each: whether it works, not how fast

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { GROUPS, startBrowser } from "../bench/groups.mjs";
import { describeMachine } from "../bench/lib/machine.mjs";
import { printTable } from "../bench/lib/report.mjs";
import { fail, ROOT } from "./lib/run.mjs";

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
  const unknown = names.filter((name) => !Object.hasOwn(GROUPS, name));
  if (unknown.length > 0) {
    throw new Error(`no figures ${unknown}: there are ${Object.keys(GROUPS).join(", ")}`);
  }
  const { browser, close } = await startBrowser();
  try {
    const machine = describeMachine(browser.version);
    console.log(`${describe(machine)}`);
    const figures = [];
    for (const name of names) {
      console.log(`\nmeasuring ${name} …`);
      const measured = await GROUPS[name]({ browser, quick });
      printTable(measured);
      figures.push(...measured);
    }
    if (quick) return console.log("\nA quick run: everything works, the values mean nothing.");
    writeFileSync(RESULTS, `${JSON.stringify({ machine, figures }, null, 2)}\n`);
  } finally {
    await close();
  }
}

function describe({ processor, cores, memoryGiB, system, browser, node, load }) {
  const machine = `${processor}, ${cores} cores, ${memoryGiB} GiB, ${system}, ${browser}, Node ${node}`;
  return `${machine}; load average at the start ${load}`;
}
