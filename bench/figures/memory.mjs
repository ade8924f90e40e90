// Whether memory stays as it is.

/** The engine's own code and feedback grow for half a million events, and then no more. */
const EVENTS = { call: "deliverEvents", warmUp: 600_000, count: 1_000_000, of: "events" };
const RUNS = { call: "watchRuns", warmUp: 1000, count: 1000, of: "runs watched and left" };

/** What a run of the collector may leave more or less of, as a share of the heap. */
const TOLERANCE = 0.05;

export async function memory({ browser, quick }) {
  const figures = [];
  for (const load of [EVENTS, RUNS]) {
    figures.push(await browser.withPage("memory", (page) => growth(page, load, quick ? 100 : 1)));
  }
  return figures;
}

async function growth(page, { call, warmUp, count, of }, divisor) {
  const total = count / divisor;
  await page.call("setUp");
  await page.call(call, warmUp / divisor);
  const before = await measure(page);
  await page.call(call, total);
  const after = await measure(page);
  const ratio = after.heap / before.heap;
  const pages = after.pages - before.pages;
  return {
    title: `Memory after ${total.toLocaleString("en")} ${of}`,
    rows: [
      {
        name: "WebAssembly memory grew by",
        value: pages,
        unit: `pages, from ${before.pages}`,
        goal: "0",
        met: pages === 0,
      },
      {
        name: "JavaScript heap",
        value: after.heap / 1024,
        unit: "KiB",
        peer: "after the warm-up",
        ratio,
        goal: `±${TOLERANCE * 100} %`,
        met: Math.abs(ratio - 1) <= TOLERANCE,
      },
    ],
  };
}

async function measure(page) {
  return { heap: await page.heapBytes(), pages: await page.call("wasmPages") };
}
