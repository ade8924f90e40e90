// No secret may stand in a log: neither one that a test has used, nor anything that looks like one.

import { existsSync, readFileSync } from "node:fs";

/** A JWT begins with the base64 of `{"`, and a ticket of the gateway's with its prefix. */
const LOOKS_SECRET = /\beyJ[\w-]{8,}|\bticket_[0-9a-f]{8,}|[?&]token=[\w-]|\bbearer[ .][\w-]{8,}/i;

/** Throws when a line of the file holds one of these texts, or what looks like a token. The error
 *  tells which line it is, and not what stands in it. */
export function assertNoSecrets(logFile, secrets = []) {
  if (!existsSync(logFile)) return;
  const lines = readFileSync(logFile, "utf8").split("\n");
  const isSecret = (line) =>
    LOOKS_SECRET.test(line) || secrets.some((secret) => line.includes(secret));
  const found = lines.findIndex(isSecret);
  if (found !== -1) throw new Error(`${logFile}:${found + 1} holds a secret`);
}
