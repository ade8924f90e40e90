// Who is connected, when several components say so.

import { type TokenProvider, websocket } from "../index.js";

/** One mounted component with a token. */
interface Holder {
  readonly token: string | TokenProvider;
  readonly disconnectOnUnmount: boolean;
}

const holders = new Set<Holder>();

/** What the last component connected with. */
let current: string | TokenProvider | undefined;

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
  connect(holder);
  return () => {
    holders.delete(holder);
    provider = lastProvider() ?? provider;
    // Not at once: a remount (StrictMode, another route's component) follows in the same task.
    queueMicrotask(holder.disconnectOnUnmount ? settle : connectLast);
  };
}

/** Ends the connection unless a component still has a token. */
export function settle(): void {
  if (holders.size === 0) websocket.disconnect();
  else connectLast();
}

/** Connects as the last of those who are left wants, unless it is so already. */
function connectLast(): void {
  const last = [...holders].at(-1);
  if (last && credentials(last) !== current) connect(last);
}

function connect(holder: Holder): void {
  current = credentials(holder);
  // How it goes is in the state; the promise has nothing to add.
  void websocket.connect(current);
}

function credentials({ token }: Holder): string | TokenProvider {
  return typeof token === "function" ? sharedProvider : token;
}

function lastProvider(): TokenProvider | undefined {
  const tokens = [...holders].map(({ token }) => token);
  return tokens.filter((token) => typeof token === "function").at(-1);
}
