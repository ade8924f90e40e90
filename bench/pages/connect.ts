// From nothing to the first event, over a real socket.

import { CLIENTS } from "../clients/index.js";
import { firstEvent } from "./first-event.js";

/** One connection: the name of the client, and the ms from its creation to the first event. */
async function connectOnce({ client, origin }: { client: string; origin: string }) {
  const create = CLIENTS[client];
  if (!create) throw new Error(`there is no client ${client}`);
  const started = performance.now();
  const contender = create();
  await firstEvent(contender, origin);
  const ms = performance.now() - started;
  contender.close();
  return { name: contender.name, ms };
}

Object.assign(globalThis, { connectOnce });
