// The build turns an import of a .wasm file into a function that makes its bytes.
declare module "*.wasm" {
  const makeBytes: () => Uint8Array<ArrayBuffer>;
  export default makeBytes;
}

/** What the build has marked the module with that belongs to these bindings. */
declare const WASM_MARK: string;
