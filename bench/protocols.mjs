// What the server of each client says: the same for the fake socket of the dispatch figures and for
// the real sockets of the others. Each is the least that its client takes for a server.
//
// @ts-check

/**
 * One connection's server. `opened` is what it says first, `answer` what it says to a message, and
 * `frame` how an event travels once somebody has subscribed.
 * @typedef {{ opened(): string[], answer(text: string): string[], frame(event: string): string }} Server
 */

const WELCOME = { type: "connected", connectionId: "c", message: "Connected" };

/** @type {Map<string, string>} */
const ANSWERS = new Map([
  ["subscribe", "subscribed"],
  ["unsubscribe", "unsubscribed"],
]);

/** The features that change how events arrive one by one; no batches. */
const FEATURES = ["replay", "ack"];

/** FlowMaestro's baseline: what every client speaks that sends plain JSON over a WebSocket. */
function baseline() {
  return {
    opened: () => [JSON.stringify(WELCOME)],
    answer: (/** @type {string} */ text) => {
      const { type, executionId } = JSON.parse(text);
      const answer = ANSWERS.get(type);
      return answer ? [JSON.stringify({ type: answer, executionId })] : [];
    },
    frame: (/** @type {string} */ event) => event,
  };
}

/** FlowMaestro with numbered events, as its own gateway has them. */
function numbered() {
  return {
    opened: () => [JSON.stringify({ ...WELCOME, features: FEATURES })],
    answer: (/** @type {string} */ text) => {
      const { type, executionId } = JSON.parse(text);
      const answer = ANSWERS.get(type);
      const recovery = { epoch: "e", head: 0, recovered: true };
      return answer ? [JSON.stringify({ type: answer, executionId, ...recovery })] : [];
    },
    frame: (/** @type {string} */ event) => event,
  };
}

/** The `graphql-transport-ws` protocol. */
function graphqlWs() {
  let subscription = "";
  return {
    opened: () => [],
    answer: (/** @type {string} */ text) => {
      const { type, id } = JSON.parse(text);
      if (type === "connection_init") return ['{"type":"connection_ack"}'];
      if (type === "subscribe") subscription = id;
      return [];
    },
    frame: (/** @type {string} */ event) =>
      `{"id":"${subscription}","type":"next","payload":{"data":{"execution":${event}}}}`,
  };
}

/** Centrifugo's JSON protocol: a channel for each execution. */
function centrifuge() {
  let channel = "";
  /** @param {string} line */
  const reply = (line) => {
    const { id, connect, subscribe } = JSON.parse(line);
    if (connect) return [JSON.stringify({ id, connect: { client: "c", version: "bench" } })];
    if (!subscribe) return [];
    channel = subscribe.channel;
    return [JSON.stringify({ id, subscribe: {} })];
  };
  return {
    opened: () => [],
    answer: (/** @type {string} */ text) => text.split("\n").flatMap(reply),
    frame: (/** @type {string} */ event) =>
      `{"push":{"channel":"${channel}","pub":{"data":${event}}}}`,
  };
}

/** Engine.IO 4 over a WebSocket, and Socket.IO 5 in it. */
function socketIo() {
  const handshake = { sid: "c", upgrades: [], pingInterval: 25_000, pingTimeout: 20_000 };
  return {
    opened: () => [`0${JSON.stringify({ ...handshake, maxPayload: 1_000_000 })}`],
    answer: (/** @type {string} */ text) => {
      if (text === "40") return ['40{"sid":"s"}'];
      return text.startsWith('42["subscribe"') ? [text.replace("subscribe", "subscribed")] : [];
    },
    frame: (/** @type {string} */ event) => `42["event",${event}]`,
  };
}

/** @type {Record<string, () => Server>} */
export const PROTOCOLS = {
  baseline,
  numbered,
  "graphql-ws": graphqlWs,
  centrifuge,
  "socket.io": socketIo,
};
