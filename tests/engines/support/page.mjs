// A page of the built package's in an engine, and the server that it talks to.

import { after, before } from "node:test";
import { Engine } from "../../support/engines.mjs";
import { Site } from "./site.mjs";

/** The site for the tests of a file; `built` is where the package is, if it is another build. */
export function useSite(built) {
  const site = new Site(built);
  before(() => site.start());
  after(() => site.close());
  return site;
}

/** Starts the server, and opens the page at `url` in the engine of this name, for as long as a test. */
export async function openPage(t, { name, server, url }) {
  await server.start();
  t.after(() => server.close());
  const engine = await Engine.start(name);
  t.after(() => engine.close());
  await engine.open(url);
  return engine;
}
