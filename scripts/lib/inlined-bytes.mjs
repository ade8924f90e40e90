// Bytes as text in a JavaScript file. A byte that is frequent is one character, another one two: so
// compressors find in the text what they would have found in the bytes, where base64, which shifts
// them against the characters, costs a third more. All is ASCII without quotes and backslashes, so
// that it survives every bundler and every encoding of a page.

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
 * The bytes of such a text. Its source goes into the package, so it stands on its own. It runs once,
 * when nothing of it has been compiled yet, so its loop calls nothing.
 */
export function decode(text) {
  const codes = new TextEncoder().encode(text);
  const frequent = [];
  const rare = [];
  for (let byte = 0; byte < 256; byte++) {
    const isFrequent = Number.parseInt(text[byte >> 2], 16) & (8 >> (byte & 3));
    (isFrequent ? frequent : rare).push(byte);
  }
  const places = new Uint8Array(128);
  for (let code = 35; code < 127; code++) places[code] = code - (code > 92 ? 36 : 35);
  const single = frequent.length;
  let length = 0;
  for (let at = 64; at < codes.length; at++) {
    const place = places[codes[at]];
    // What is decoded takes no more room than what it is decoded from.
    codes[length++] =
      place < single ? frequent[place] : rare[(place - single) * 91 + places[codes[++at]]];
  }
  return codes.slice(0, length);
}

/** A plugin for esbuild: importing a .wasm file gives a function that makes its bytes. */
export function inlinedBytes(read) {
  return {
    name: "inlined-bytes",
    setup({ onLoad }) {
      onLoad({ filter: /\.wasm$/ }, ({ path }) => ({
        contents: `${decode}\nconst text = ${JSON.stringify(encode(read(path)))};\nexport default () => decode(text);`,
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
