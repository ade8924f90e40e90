// Frames handed to each client without a socket, one client after the other, in many short rounds.

// Before the clients: some of them look for WebSocket when they are loaded.
import "../fake-socket.js";

import { CLIENTS, type Contender } from "../clients/index.js";
import { makeEvents, TYPES } from "../events.mjs";
import { type FakeSocket, lastSocket, messageOf } from "../fake-socket.js";

/** What is measured. */
interface DispatchOptions {
  /** The names of the clients, of `CLIENTS`. */
  clients: string[];
  eventsPerRound: number;
  /** How many executions are subscribed; the events are of the first. Default: 1. */
  executions?: number;
  /** How many handlers each type of each execution has. Default: 1. */
  handlers?: number;
  /** The length of outputs, in characters; without it the usual mix. */
  outputLength?: number;
}

interface Runner {
  contender: Contender;
  socket: FakeSocket;
  calls: number;
}

const ORIGIN = "ws://localhost";
const EXECUTION = "exec_0";

let options: DispatchOptions;
const runners: Runner[] = [];

/** Connects the clients and returns their names. */
async function setUp(chosen: DispatchOptions): Promise<string[]> {
  options = chosen;
  for (const name of options.clients) runners.push(await prepare(name));
  return runners.map(({ contender }) => contender.name);
}

async function prepare(name: string): Promise<Runner> {
  const { executions = 1, handlers = 1 } = options;
  const create = CLIENTS[name];
  if (!create) throw new Error(`there is no client ${name}`);
  const contender = create();
  const ids = Array.from({ length: executions }, (_, index) => `exec_${index}`);
  await contender.connect(`${ORIGIN}/${contender.protocol}`, ids);
  const runner: Runner = { contender, socket: lastSocket(), calls: 0 };
  for (const id of ids) {
    for (let handler = 0; handler < handlers; handler++) {
      for (const type of TYPES) {
        contender.on(type, id, () => {
          runner.calls += 1;
        });
      }
    }
  }
  return runner;
}

/** Some rounds, counted from 0: the nanoseconds that an event took each client. */
async function rounds({ first, count }: { first: number; count: number }): Promise<number[][]> {
  const measured: number[][] = [];
  for (let index = first; index < first + count; index++) measured.push(await round(index));
  return measured;
}

/** One round of every client, each time another one first. */
async function round(index: number): Promise<number[]> {
  const { clients, eventsPerRound, handlers = 1, outputLength } = options;
  const firstSeq = clients.includes("numbered") ? index * eventsPerRound + 1 : undefined;
  const made = { executionId: EXECUTION, count: eventsPerRound, seed: index, firstSeq };
  const texts = makeEvents({ ...made, outputLength }).map((event) => JSON.stringify(event));
  const nanoseconds: number[] = [];
  for (let turn = 0; turn < runners.length; turn++) {
    const place = (turn + index) % runners.length;
    const runner = runners[place] as Runner;
    const { socket } = runner;
    const messages = texts.map((text) => messageOf(socket.server.frame(text)));
    runner.calls = 0;
    const started = performance.now();
    for (const message of messages) socket.deliver(message);
    await handled(runner, eventsPerRound * handlers);
    nanoseconds[place] = ((performance.now() - started) / eventsPerRound) * 1e6;
    checkCalls(runner, eventsPerRound * handlers);
  }
  return nanoseconds;
}

/** Some clients call their handlers in a promise's callback. */
async function handled(runner: Runner, expected: number): Promise<void> {
  for (let turn = 0; runner.calls < expected && turn < 10 * expected; turn++) await undefined;
}

/** A client that loses events would be the fastest. */
function checkCalls({ contender, calls }: Runner, expected: number): void {
  if (calls === expected) return;
  throw new Error(`${contender.name}: ${calls} calls of handlers instead of ${expected}`);
}

Object.assign(globalThis, { setUp, rounds });
