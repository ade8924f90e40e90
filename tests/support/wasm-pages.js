// Counts the memory of what is instantiated in a page after this script.
(() => {
  const memories = [];

  WebAssembly.Instance = new Proxy(WebAssembly.Instance, {
    construct(target, [module, imports]) {
      const instance = new target(module, imports);
      for (const value of Object.values(instance.exports)) {
        if (value instanceof WebAssembly.Memory) memories.push(value);
      }
      return instance;
    },
  });

  /** How many pages of 64 KiB it has. */
  globalThis.wasmPages = () =>
    memories.reduce((sum, { buffer }) => sum + buffer.byteLength / 65_536, 0);
})();
