// What wasm-bindgen generated, made smaller.

/**
 * The bindings with the short names that wasm-opt gave the module's imports and exports, which it
 * prints as JSON. Throws when the bindings are not of the form that is known here.
 */
export function shortenNames(glue, { imports, exports }) {
  const short = new Map(exports);
  const renamed = imports
    .filter(([module]) => module.endsWith("_bg.js"))
    .reduce(
      (text, [, name, to]) => replaceOnce(text, new RegExp(`^( *)${name}:`, "m"), `$1${to}:`),
      glue.replace(/\bwasm\.(\w+)/g, (_, name) => {
        if (!short.has(name)) throw new Error(`the module does not export ${name}`);
        return `wasm.${short.get(name)}`;
      }),
    );
  // Functions of snippets that need no conversion are taken from their modules as they are.
  const direct = imports
    .filter(([module]) => !module.endsWith("_bg.js"))
    .map(([module, name, to]) => `${to}: ${namespaceOf(glue, module)}.${name}`);
  const modules = /return \{\s+__proto__: null,[^}]*\};/;
  return replaceOnce(renamed, modules, `return { a: { ...import0, ${direct.join(", ")} } };`);
}

/**
 * The bindings as a function, `bind()`: each call makes bindings of their own, for one instance. So an
 * instance that has died can be replaced, and nothing that the collector finds of it, nor a call that
 * comes late, reaches another's memory.
 *
 * Of the bindings' own functions that instantiate the module it gives the two halves. Those also fetch
 * and compile, which is done with better words elsewhere.
 */
export function bindable(glue) {
  const [, imports, body] = glue.match(/^((?:\/\*.*\*\/\n|import .*\n)+)([\s\S]*)$/);
  const own = /^async function __wbg_load\([\s\S]*?^export \{ initSync.*$/m;
  const inner = replaceOnce(body.replace(/^export (?=class )/gm, ""), own, "");
  return `${imports}
export function bind() {
${inner}
return {
  WebSocketClient,
  makeImports: __wbg_get_imports,
  start: __wbg_finalize_init,
  end() {
    wasm = new Proxy({}, { get: () => () => {} });
  },
};
}
`;
}

/** The same, for the declarations. */
export function declareBind(declarations) {
  return `${declarations}
export interface Bindings {
  WebSocketClient: typeof WebSocketClient;
  makeImports(): WebAssembly.Imports;
  start(instance: WebAssembly.Instance, module: WebAssembly.Module): void;
  /** From now on calls of the instance do nothing. */
  end(): void;
}
export function bind(): Bindings;
`;
}

/**
 * The module with an empty custom section of this name at its end (WebAssembly specification, section
 * 5.5.3), by which it can be told from every other.
 */
export function marked(bytes, name) {
  const text = new TextEncoder().encode(name);
  if (text.length > 126) throw new Error("the name needs a longer number for its length");
  return Buffer.concat([bytes, Uint8Array.of(0, text.length + 1, text.length), text]);
}

function namespaceOf(glue, module) {
  const [, name] = glue.match(new RegExp(`"${module}": (import\\d+),`)) ?? [];
  if (name === undefined) throw new Error(`the bindings do not hand ${module} on`);
  return name;
}

function replaceOnce(text, pattern, replacement) {
  const found = text.match(new RegExp(pattern, `g${pattern.flags}`)) ?? [];
  if (found.length !== 1) {
    throw new Error(
      `the bindings have changed their form: ${pattern} is in it ${found.length} times`,
    );
  }
  return text.replace(pattern, replacement);
}
