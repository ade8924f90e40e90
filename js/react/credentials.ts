// Who is connected, when several components say so.

import { type TokenProvider, websocket } from "../index.js";

/** One mounted component with a token. */
interface Holder {
  readonly token: string | TokenProvider;
  readonly disconnectOnUnmount: boolean;
}

const holders = new Set<Holder>();

/** What gave tokens last. It outlives its component: the connection does so too, by default. */
let provider: TokenProvider;

/**
 * The provider of all components that have one. The client takes another function for another user;
 * this one stays the same however many inline functions the components render.
 */
const sharedProvider: TokenProvider = () => provider();

/**
 * Connects on behalf of a component.
 *
 * @returns The clean-up. After the last component's the connection stays or ends as its
 * `disconnectOnUnmount` says.
 */
export function hold(holder: Holder): () => void {
  holders.add(holder);
  if (typeof holder.token === "function") provider = holder.token;
  // How it goes is in the state; the promise has nothing to add.
  void websocket.connect(typeof holder.token === "function" ? sharedProvider : holder.token);
  return () => {
    holders.delete(holder);
    provider = lastProvider() ?? provider;
    if (!holder.disconnectOnUnmount) return;
    // Not at once: a remount (StrictMode, another route's component) follows in the same task.
    queueMicrotask(disconnectIfUnheld);
  };
}

/** Ends the connection unless a component still has a token. */
export function disconnectIfUnheld(): void {
  if (holders.size === 0) websocket.disconnect();
}

function lastProvider(): TokenProvider | undefined {
  const tokens = [...holders].map(({ token }) => token);
  return tokens.findLast((token) => typeof token === "function");
}
