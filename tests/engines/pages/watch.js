// Counts what a page's scripts keep: timers, listeners of the page, sockets, what finalizers wait for,
// and pages of WebAssembly memory. Runs before any script of the package's.

const timers = new Set();
const listeners = new Map();
const sockets = new Set();
let awaited = 0;

const { setTimeout, clearTimeout, addEventListener, removeEventListener } = globalThis;

globalThis.setTimeout = (call, ...rest) => {
  const id = setTimeout(
    () => {
      timers.delete(id);
      call();
    },
    ...rest,
  );
  timers.add(id);
  return id;
};

globalThis.clearTimeout = (id) => {
  timers.delete(id);
  clearTimeout(id);
};

for (const target of [globalThis, document]) {
  target.addEventListener = (type, listener, ...rest) => {
    listeners.set(listener, (listeners.get(listener) ?? new Set()).add(type));
    addEventListener.call(target, type, listener, ...rest);
  };
  target.removeEventListener = (type, listener, ...rest) => {
    listeners.get(listener)?.delete(type);
    removeEventListener.call(target, type, listener, ...rest);
  };
}

globalThis.WebSocket = class extends WebSocket {
  constructor(...args) {
    super(...args);
    sockets.add(this);
    // By then nobody else has a reason to hold it.
    addEventListener.call(this, "close", () => sockets.delete(this), { once: true });
  }
};

globalThis.FinalizationRegistry = class extends FinalizationRegistry {
  constructor(finalize) {
    super((held) => {
      awaited -= 1;
      finalize(held);
    });
  }

  register(...args) {
    awaited += 1;
    super.register(...args);
  }

  unregister(token) {
    const was = super.unregister(token);
    if (was) awaited -= 1;
    return was;
  }
};

/** What there is now. */
globalThis.kept = () => ({
  timers: timers.size,
  listeners: [...listeners.values()].reduce((sum, types) => sum + types.size, 0),
  sockets: sockets.size,
  awaited,
  wasmPages: globalThis.wasmPages(),
});
