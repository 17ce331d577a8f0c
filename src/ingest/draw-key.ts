/** Keys of batches and of run openings. */
import { randomFillSync } from "node:crypto";

const KEY_BYTES = 8;
/** Random bytes in store: asking for eight at a time costs 3 µs. */
const store = Buffer.alloc(KEY_BYTES * 512);
let next = store.length;

/** 63 random bits, in decimal. */
export function drawKey(): string {
  if (next === store.length) {
    randomFillSync(store);
    next = 0;
  }
  const bits = store.readBigUInt64BE(next) >> 1n;
  next += KEY_BYTES;
  return bits.toString();
}
