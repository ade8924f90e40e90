// The demo page in Chromium against the real demo server: what a visitor does, and what happens
// when the server is killed under them.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";
import { findBrowsers } from "../../scripts/lib/browsers.mjs";
import { assertNoSecrets } from "../../scripts/lib/log-secrets.mjs";
import { ROOT, TARGET_DIR } from "../../scripts/lib/run.mjs";
import { freePort, ServerProcess } from "../../scripts/lib/server-process.mjs";
import { toolEnv } from "../../scripts/lib/toolchain.mjs";

const PATIENCE_MS = 30_000;

const LOG_FILE = join(TARGET_DIR, "test-demo.log");

let browser;
let context;
let dataDir;
let page;
let problems;
let server;
let url;

before(async () => {
  dataDir = mkdtempSync(join(tmpdir(), "flowmaestro-e2e-"));
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  server = new ServerProcess({
    command: join(TARGET_DIR, "release/flowmaestro-demo"),
    args: ["--port", String(port), "--data-dir", dataDir, "--www-dir", join(ROOT, "www/dist")],
    env: {},
    healthUrl: `${url}/health`,
    logFile: LOG_FILE,
  });
  await server.start();
  browser = await chromium.launch({
    executablePath: findBrowsers(toolEnv()).chrome,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"],
  });
  context = await browser.newContext();
  page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  problems = [];
  page.on("pageerror", (error) => problems.push(String(error)));
  await page.goto(url);
  await page.getByTestId("sign-in").getByRole("textbox").fill("Ada");
  await page.getByTestId("sign-in").getByRole("button").click();
  await status("connection", "connected");
});

after(async () => {
  await browser?.close();
  await server?.stop("SIGKILL");
  rmSync(dataDir, { recursive: true, force: true });
  assertNoSecrets(LOG_FILE);
});

/** Waits until an element with a data-status has this one. */
function status(testId, expected) {
  return page.locator(`[data-testid="${testId}"][data-status="${expected}"]`).waitFor();
}

function node(id, expected) {
  return page.locator(`[data-node="${id}"][data-status="${expected}"]`).waitFor();
}

function logged(type) {
  return page.locator(`[data-type="${type}"]`).first().waitFor();
}

async function start(workflow) {
  await page.goto(`${url}/#/`);
  await page.getByRole("button", { name: `Run ${workflow}` }).click();
  await page.getByTestId("run").waitFor();
}

async function upload(name, content) {
  await page.goto(`${url}/#/`);
  const file = { name, mimeType: "text/markdown", buffer: Buffer.from(content) };
  await page.locator('input[type="file"]').setInputFiles(file);
}

/** Approves the report, and returns it as the server has it. */
async function approve() {
  const approval = page.getByTestId("approval");
  const report = await approval.getByRole("region", { name: "Text to decide on" }).textContent();
  await approval.getByRole("button", { name: "Approve" }).click();
  return report;
}

test("an uploaded document is processed, and a run on it ends after a retry and an approval", async () => {
  const sentence = "A gateway tells the browser what a workflow does while it runs. ";
  await upload("notes.md", `# Notes\n\n${sentence.repeat(12)}`);
  await page.locator('[data-document="notes.md"]', { hasText: /chunk/ }).waitFor();
  await start("Document report");
  await logged("node:retry");
  await page.getByTestId("stream").first().waitFor();
  const report = await approve();
  assert.match(report, /^# notes\.md\n/);
  assert.match(report, /A gateway tells the browser/);
  assert.equal(await page.getByTestId("stream").textContent(), report);
  await page.getByTestId("outputs").waitFor();
  await node("publish", "completed");
  await logged("execution:started");
  await logged("execution:completed");
  assert.equal(await page.getByTestId("progress").getAttribute("value"), "100");
  assert.deepEqual(problems, []);
});

test("a document that is no text is refused or fails with words", async () => {
  await upload("blank.md", "\n");
  await page.locator('[data-document="blank.md"]', { hasText: "has no text" }).waitFor();
  await upload("picture.md", Uint8Array.of(0x89, 0x50, 0x4e, 0x47));
  await page
    .getByRole("alert")
    .filter({ hasText: "picture.md: This is not UTF-8 text." })
    .waitFor();
});

test("a run that fails says where and why", async () => {
  await start("A run that fails");
  const failure = page.getByTestId("failure");
  await failure.getByRole("heading", { name: "Translate" }).waitFor();
  await failure.getByText("No translation service is configured.").waitFor();
  await node("translate", "failed");
  await logged("node:failed");
  await logged("execution:failed");
});

test("a gateway killed and restarted in the middle of a run costs nothing", async () => {
  await start("Document report");
  await page.getByTestId("stream").first().waitFor();
  await server.stop("SIGKILL");
  await status("connection", "waiting");
  await server.start();
  await status("connection", "connected");
  const report = await approve();
  // No word of it is lost, and none is there twice.
  assert.equal(await page.getByTestId("stream").textContent(), report);
  await page.getByTestId("outputs").waitFor();
  await node("publish", "completed");
  // No step that was done is done again.
  const steps = await page.locator("[data-node]").count();
  assert.equal(await page.locator('[data-type="node:completed"]').count(), steps);
  assert.deepEqual(problems, []);
});

test("another user does not see the run", async () => {
  const run = page.url();
  const stranger = await (await browser.newContext()).newPage();
  stranger.setDefaultTimeout(PATIENCE_MS);
  await stranger.goto(run);
  await stranger.getByTestId("sign-in").getByRole("textbox").fill("Grace");
  await stranger.getByTestId("sign-in").getByRole("button").click();
  await stranger
    .getByText(/not found|no such run|does not exist/i)
    .first()
    .waitFor();
  assert.equal(await stranger.getByTestId("outputs").count(), 0);
  await stranger.getByText("No runs yet.").waitFor();
});
