// From nothing to the first event, over a real socket.

import { CLIENTS, type Contender } from "../clients/index.js";

const EXECUTION = "exec_0";
const TYPE = "node:started";

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

/** The same with the download of the client's script before it. */
async function importOnce({ script, origin }: { script: string; origin: string }) {
  const started = performance.now();
  const { Client }: { Client: new () => Contender } = await import(script);
  const contender = new Client();
  await firstEvent(contender, origin);
  return { name: contender.name, ms: performance.now() - started };
}

async function firstEvent(contender: Contender, origin: string): Promise<void> {
  const event = new Promise<void>((resolve) => contender.on(TYPE, EXECUTION, () => resolve()));
  await contender.connect(`${origin}/${contender.protocol}`, [EXECUTION]);
  await event;
}

Object.assign(globalThis, { connectOnce, importOnce });
