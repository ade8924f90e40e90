// What the figures of connections wait for.

import type { Contender } from "../clients/contender.js";

const EXECUTION = "exec_0";
const TYPE = "node:started";

/** Connects a client; resolves at its first event. */
export async function firstEvent(contender: Contender, origin: string): Promise<void> {
  const event = new Promise<void>((resolve) => contender.on(TYPE, EXECUTION, () => resolve()));
  await contender.connect(`${origin}/${contender.protocol}`, [EXECUTION]);
  await event;
}
