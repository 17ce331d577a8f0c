/** Under which ids a refused event is known. */
import { REJECTION_KINDS } from "../db/rejections.js";
import { hashParts } from "../hash-parts.js";
import { formatEventId } from "./event-id.js";

const ID_BYTES = 16;
/** What is hashed first, so that no refused event has the id of a stored one. */
const REFUSED = "tally.event.refused.1";

/** `evt_…` of its bytes: what it would be called by its content cannot be read. */
export function refusedEventId(bytes: Uint8Array): string {
  return formatEventId(hashParts([REFUSED, bytes]).subarray(0, ID_BYTES));
}

/** 16 bytes: the same refusal, sent again, is kept once. */
export function eventRejectionId(idempotencyKey: string, bytes: Uint8Array): Buffer {
  const parts = [String(REJECTION_KINDS.event), "", idempotencyKey, bytes];
  return hashParts(parts).subarray(0, ID_BYTES);
}
