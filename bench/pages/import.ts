// From the import of a client's script to the first event, in a page that has no other.

import type { Contender } from "../clients/contender.js";
import { firstEvent } from "./first-event.js";

/** One import: the name of the client, and the ms until its first event. */
async function importOnce({ script, origin }: { script: string; origin: string }) {
  const started = performance.now();
  const { Client }: { Client: new () => Contender } = await import(script);
  const contender = new Client();
  await firstEvent(contender, origin);
  return { name: contender.name, ms: performance.now() - started };
}

Object.assign(globalThis, { importOnce });
