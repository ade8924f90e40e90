import assert from "node:assert/strict";
import { test } from "node:test";
import { assembleDecoder, decode, encode } from "./inlined-bytes.mjs";

const decoder = assembleDecoder();
const everyByte = Uint8Array.from({ length: 256 }, (_, byte) => byte);
const uneven = Uint8Array.from({ length: 5000 }, (_, i) => (i * i * 7 + (i >> 3)) & 255);

for (const [name, bytes] of Object.entries({
  "no byte": new Uint8Array(0),
  "one byte": Uint8Array.of(0),
  "every byte": everyByte,
  "many bytes": uneven,
  "more than a page of memory": new Uint8Array(200_000).fill(7),
})) {
  test(`${name} comes back`, () => {
    assert.deepEqual(decode(encode(bytes), decoder), bytes);
  });
}

test("the text is ASCII that needs no escape in quotes", () => {
  assert.match(encode(everyByte), /^[#-[\]-~]*$/);
});

test("a frequent byte is one character", () => {
  const zeros = new Uint8Array(1000);
  assert.equal(encode(zeros).length, 64 + 1000);
});
