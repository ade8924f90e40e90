// The demo page in every engine against the real demo server: what a visitor does, and what happens
// when the server is killed under them.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { assertNoSecrets } from "../../scripts/lib/log-secrets.mjs";
import { ENGINES, lacking } from "../support/engines.mjs";
import { Demo } from "./demo.mjs";
import { DemoPage } from "./demo-page.mjs";

const SENTENCE = "A gateway tells the browser what a workflow does while it runs. ";
const NOTES = `# Notes\n\n${SENTENCE.repeat(12)}`;

/** What a visitor does who was never here before. */
const JOURNEYS = {
  async "an uploaded document is processed, and a run on it ends after a retry and an approval"({
    demo,
    page,
  }) {
    await uploadNotes(demo, page);
    await page.start("Document report");
    await page.logged("node:retry");
    await page.stream();
    const report = await page.approve();
    assert.match(report, /^# notes\.md\n/);
    assert.match(report, /A gateway tells the browser/);
    assert.equal(await page.stream(), report);
    await page.find('[data-testid="outputs"]');
    await page.step("publish", "completed");
    await page.logged("execution:started");
    await page.logged("execution:completed");
    const progress = await page.find('[data-testid="progress"]');
    assert.equal(await progress.getAttribute("value"), "100");
  },

  async "a document that is no text is refused or fails with words"({ demo, page }) {
    await page.upload(demo.file("blank.md", "\n"));
    await page.find('[data-document="blank.md"]', /has no text/);
    await page.upload(demo.file("picture.md", Uint8Array.of(0x89, 0x50, 0x4e, 0x47)));
    await page.find("[role=alert]", /picture\.md: This is not UTF-8 text\./);
  },

  async "a run that fails says where and why"({ page }) {
    await page.start("A run that fails");
    const why = /No translation service is configured\./;
    const failure = await page.find('[data-testid="failure"]', why);
    await page.byRole("heading", "The run failed at “Translate”", failure);
    await page.step("translate", "failed");
    await page.logged("node:failed");
    await page.logged("execution:failed");
  },

  async "a gateway killed and restarted in the middle of a run costs nothing"({ demo, page }) {
    await uploadNotes(demo, page);
    await page.start("Document report");
    await page.stream();
    await demo.kill();
    await page.connection("waiting");
    const before = await page.stream();
    await demo.restart();
    await page.connection("connected");
    const report = await page.approve();
    assert.ok(before.length < report.length, "the text was complete before the server was killed");
    // No word of it is lost, and none is there twice.
    assert.equal(await page.stream(), report);
    await page.find('[data-testid="outputs"]');
    await page.step("publish", "completed");
    // No step that was done is done again.
    const steps = await page.all("[data-node]");
    const done = await page.all('[data-type="node:completed"]');
    assert.equal(done.length, steps.length);
  },

  async "another user does not see the run"({ demo, engine, page }) {
    const run = await page.start("Quick text analysis");
    await page.find('[data-testid="outputs"]');
    // In a browser of their own, which shares nothing with the first.
    const strangers = await DemoPage.open(engine, demo.url);
    try {
      await strangers.signIn("Grace", run);
      await strangers.find("main", /there is no such run/);
      await strangers.find("aside", /No runs yet\./);
      assert.deepEqual(await strangers.all('[data-testid="outputs"]'), []);
      assert.deepEqual(await strangers.problems(), []);
    } finally {
      await strangers.close();
    }
  },
};

for (const engine of ENGINES) {
  describe(engine, { skip: lacking(engine) }, () => {
    let demo;
    let page;

    before(async () => {
      demo = await Demo.start(engine);
      page = await DemoPage.open(engine, demo.url);
    });

    after(async () => {
      await page?.close();
      await demo?.close();
    });

    for (const [index, [title, go]] of Object.entries(JOURNEYS).entries()) {
      test(`${engine}: ${title}`, async () => {
        try {
          await page.signIn(`Ada ${index}`);
          await go({ demo, engine, page });
        } finally {
          assert.deepEqual(await page.problems(), []);
        }
      });
    }

    test(`${engine}: the server's log tells of the visitors, and holds no secret`, () => {
      assert.match(readFileSync(demo.logFile, "utf8"), /connected/);
      assertNoSecrets(demo.logFile);
    });
  });
}

async function uploadNotes(demo, page) {
  await page.upload(demo.file("notes.md", NOTES));
  await page.find('[data-document="notes.md"]', /chunk/);
}
