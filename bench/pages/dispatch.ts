// Frames handed to a client without a socket, in many short rounds.

// Before the clients: some of them look for WebSocket when they are loaded.
import "../fake-socket.js";

import { CLIENTS, type Contender } from "../clients/index.js";
import { makeEvents, TYPES } from "../events.mjs";
import { type FakeSocket, lastSocket, messageOf } from "../fake-socket.js";

/** What is measured. */
interface DispatchOptions {
  /** The client's name in `CLIENTS`. */
  client: string;
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
let runner: Runner;

/** Connects the client and returns its name. */
async function setUp(chosen: DispatchOptions): Promise<string> {
  options = chosen;
  runner = await prepare(options.client);
  return runner.contender.name;
}

async function prepare(name: string): Promise<Runner> {
  const { executions = 1, handlers = 1 } = options;
  const create = CLIENTS[name];
  if (!create) throw new Error(`there is no client ${name}`);
  const contender = create();
  const ids = Array.from({ length: executions }, (_, index) => `exec_${index}`);
  await contender.connect(`${ORIGIN}/${contender.protocol}`, ids);
  const prepared: Runner = { contender, socket: lastSocket(), calls: 0 };
  for (const id of ids) {
    for (let handler = 0; handler < handlers; handler++) {
      for (const type of TYPES) {
        contender.on(type, id, () => {
          prepared.calls += 1;
        });
      }
    }
  }
  return prepared;
}

/** Some rounds, counted from 0: the nanoseconds that an event took in each. */
async function rounds({ first, count }: { first: number; count: number }): Promise<number[]> {
  const measured: number[] = [];
  for (let index = first; index < first + count; index++) measured.push(await round(index));
  return measured;
}

async function round(index: number): Promise<number> {
  const { client, eventsPerRound, handlers = 1, outputLength } = options;
  const firstSeq = client === "numbered" ? index * eventsPerRound + 1 : undefined;
  const made = { executionId: EXECUTION, count: eventsPerRound, seed: index, firstSeq };
  const texts = makeEvents({ ...made, outputLength }).map((event) => JSON.stringify(event));
  const { socket } = runner;
  const messages = texts.map((text) => messageOf(socket.server.frame(text)));
  runner.calls = 0;
  const started = performance.now();
  for (const message of messages) socket.deliver(message);
  await handled(eventsPerRound * handlers);
  const ms = performance.now() - started;
  checkCalls(eventsPerRound * handlers);
  return (ms / eventsPerRound) * 1e6;
}

/** Some clients call their handlers in a promise's callback. */
async function handled(expected: number): Promise<void> {
  for (let turn = 0; runner.calls < expected && turn < 10 * expected; turn++) await undefined;
}

/** A client that loses events would be the fastest. */
function checkCalls(expected: number): void {
  const { contender, calls } = runner;
  if (calls === expected) return;
  throw new Error(`${contender.name}: ${calls} calls of handlers instead of ${expected}`);
}

Object.assign(globalThis, { setUp, rounds });
