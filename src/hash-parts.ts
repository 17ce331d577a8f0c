/** SHA-256 over several texts, so that "ab" and "c" are not "a" and "bc". */
import { hash } from "node:crypto";

/** One part of what is hashed: a text as UTF-8, bytes, or undefined for what is absent, which is not "". */
export type HashedPart = string | Uint8Array | undefined;

/** 32 bytes: SHA-256 over each part's length (4 bytes, big-endian) and bytes; of an absent part, FF FF FF FF. */
export function hashParts(parts: readonly HashedPart[]): Buffer {
  let size = 0;
  for (const part of parts) size += LENGTH_BYTES + byteLength(part);
  const bytes = Buffer.allocUnsafe(size);
  let at = 0;
  for (const part of parts) {
    at = bytes.writeUInt32BE(part === undefined ? ABSENT : byteLength(part), at);
    if (typeof part === "string") at += bytes.write(part, at);
    else if (part !== undefined) {
      bytes.set(part, at);
      at += part.length;
    }
  }
  // In one call: making a Hash object costs half as much again.
  return hash("sha256", bytes, "buffer");
}

function byteLength(part: HashedPart): number {
  if (part === undefined) return 0;
  return typeof part === "string" ? Buffer.byteLength(part) : part.length;
}

const LENGTH_BYTES = 4;
/** No part is this long. */
const ABSENT = 0xffffffff;
