// The build turns an import of a .wasm file into its bytes in base64.
declare module "*.wasm" {
  const base64: string;
  export default base64;
}
