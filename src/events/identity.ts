/** What makes two events the same one: docs/event-identity.md describes it for other languages. */
import type { Violation } from "../errors.js";
import { hashParts } from "../hash-parts.js";
import { limits } from "../limits.js";
import { exceeds, quote } from "../text.js";
import type { SentFields } from "./normalize.js";

/** 32 bytes: a hash of the fields that the client sent. What it did not send is absent, whatever its default. */
export function contentHashOf(sent: SentFields): Buffer {
  const { client, metric, amount, occurredAtUs, path, userId } = sent;
  const time = occurredAtUs === undefined ? undefined : String(occurredAtUs);
  return hashParts([CONTENT, client, metric, amount, time, path, userId]);
}

/** What an event is known by. */
export interface EventKey {
  /** Valid by `checkIdempotencyKey`. */
  readonly idempotencyKey?: string | undefined;
  readonly contentHash: Uint8Array;
}

/** 16 bytes that name an event within its project. No key makes the id that some content has. */
export function eventIdOf({ idempotencyKey, contentHash }: EventKey): Buffer {
  const whole = idempotencyKey === undefined ? contentHash : hashParts([KEY, idempotencyKey]);
  return Buffer.from(whole.buffer, whole.byteOffset, ID_BYTES);
}

/** What is wrong with an idempotency key; undefined if nothing is. */
export function checkIdempotencyKey(key: string): Violation | undefined {
  const field = "idempotency_key";
  if (key === "") return { field, description: "is empty: leave it out or send 1 byte or more" };
  if (exceeds(key, limits.idempotencyKeyBytes)) {
    const description = `has ${Buffer.byteLength(key)} bytes, at most ${limits.idempotencyKeyBytes}`;
    return { field, description };
  }
  if (key.includes("\0") || !key.isWellFormed()) {
    const description = `contains a NUL character or half of a surrogate pair: ${quote(key)}`;
    return { field, description };
  }
  return undefined;
}

const ID_BYTES = 16;
/** What is hashed first, so that keys and contents never hash the same parts. */
const CONTENT = "tally.event.content.1";
const KEY = "tally.event.key.1";
