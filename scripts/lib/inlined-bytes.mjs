// Bytes as text in a JavaScript file. A byte that is frequent is one character, another one two: so
// compressors find in the text what they would have found in the bytes, where base64, which shifts
// them against the characters, costs a third more. All is ASCII without quotes and backslashes, so
// that it survives every bundler and every encoding of a page.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "./run.mjs";

/** The characters from `#` to `~`, the backslash left out. */
const CHARACTERS = 91;
/** As many bytes are one character; the last two characters begin those of two. */
const SINGLE = CHARACTERS - 2;

/** The text for some bytes: first which of the 256 bytes are frequent, in 64 hexadecimal digits. */
export function encode(bytes) {
  const { frequent, rare } = sortByFrequency(bytes);
  const texts = [];
  frequent.forEach((byte, place) => {
    texts[byte] = character(place);
  });
  rare.forEach((byte, place) => {
    const first = SINGLE + Math.floor(place / CHARACTERS);
    texts[byte] = character(first) + character(place % CHARACTERS);
  });
  const header = Array.from({ length: 64 }, (_, digit) => {
    const bits = [0, 1, 2, 3].map((bit) => (frequent.includes(digit * 4 + bit) ? 8 >> bit : 0));
    return bits.reduce((sum, bit) => sum + bit).toString(16);
  });
  return header.join("") + Array.from(bytes, (byte) => texts[byte]).join("");
}

/**
 * The bytes of such a text. Its source goes into the package, so it stands on its own, beside
 * `decoder`: the module of inlined-bytes.wat, which does the work.
 */
export function decode(text, decoder) {
  const module = new WebAssembly.Module(Uint8Array.from(decoder));
  const { memory, decode } = new WebAssembly.Instance(module).exports;
  memory.grow((text.length >> 16) + 1);
  const bytes = new Uint8Array(memory.buffer);
  let frequent = 35;
  let rare = 0;
  for (let byte = 0; byte < 256; byte++) {
    if (Number.parseInt(text[byte >> 2], 16) & (8 >> (byte & 3))) {
      bytes[frequent++] = byte;
      if (frequent === 92) frequent++;
    } else {
      const second = rare % 91;
      bytes[128 + 128 * Math.floor(rare++ / 91) + second + (second > 56 ? 36 : 35)] = byte;
    }
  }
  const { written } = new TextEncoder().encodeInto(text.slice(64), bytes.subarray(384));
  return bytes.subarray(384, decode(384 + written));
}

/** What `decode` needs beside the text: the bytes of inlined-bytes.wat's module. */
export function assembleDecoder() {
  const source = fileURLToPath(new URL("inlined-bytes.wat", import.meta.url));
  const folder = mkdtempSync(join(tmpdir(), "inlined-bytes-"));
  try {
    const assembled = join(folder, "decoder.wasm");
    run("npx", ["wasm-as", source, "-o", assembled]);
    return [...readFileSync(assembled)];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A plugin for esbuild: importing a .wasm file gives a function that makes its bytes. */
export function inlinedBytes() {
  return {
    name: "inlined-bytes",
    setup({ onLoad }) {
      const decoder = JSON.stringify(assembleDecoder());
      onLoad({ filter: /\.wasm$/ }, ({ path }) => ({
        contents: `${decode}\nconst text = ${JSON.stringify(encode(readFileSync(path)))};\nexport default () => decode(text, ${decoder});`,
      }));
    },
  };
}

function sortByFrequency(bytes) {
  const counts = new Array(256).fill(0);
  for (const byte of bytes) counts[byte]++;
  const byFrequency = [...counts.keys()].sort((a, b) => counts[b] - counts[a] || a - b);
  const inOrder = (list) => list.sort((a, b) => a - b);
  return {
    frequent: inOrder(byFrequency.slice(0, SINGLE)),
    rare: inOrder(byFrequency.slice(SINGLE)),
  };
}

function character(place) {
  const code = place + 35;
  return String.fromCharCode(code < 92 ? code : code + 1);
}
