// The bindings make a TextDecoder and a TextEncoder when they are imported, where nothing is to be
// done; and an import must not fail where there are none, as in Jest's jsdom environment. The build
// puts these in their place, which make the real ones at first use.

export class TextDecoder {
  #decoder: globalThis.TextDecoder | undefined;

  decode(bytes?: Uint8Array): string {
    if (bytes === undefined) return "";
    this.#decoder ??= new globalThis.TextDecoder("utf-8", { ignoreBOM: true });
    return this.#decoder.decode(bytes);
  }
}

export class TextEncoder {
  #encoder: globalThis.TextEncoder | undefined;

  get #real(): globalThis.TextEncoder {
    this.#encoder ??= new globalThis.TextEncoder();
    return this.#encoder;
  }

  encode(text: string): Uint8Array {
    return this.#real.encode(text);
  }

  encodeInto(text: string, target: Uint8Array): TextEncoderEncodeIntoResult {
    return this.#real.encodeInto(text, target);
  }
}
