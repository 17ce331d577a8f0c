/** The text of an event's bytes: UTF-8, without a byte order mark, within the limits. */
import { isUtf8 } from "node:buffer";
import type { Violation } from "../errors.js";
import { limits } from "../limits.js";
import { position } from "./json-scanner.js";

/** The text, or why there is none. A byte order mark at the start is left out. */
export function decodeJson(bytes: Uint8Array): string | Violation {
  if (bytes.length > limits.eventPayloadBytes) {
    const description = `has ${bytes.length} bytes, at most ${limits.eventPayloadBytes}`;
    return { field: "body", description };
  }
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (!isUtf8(buffer)) {
    const valid = buffer.toString("utf8", 0, validLength(buffer));
    const place = position(valid, valid.length);
    return { field: "body", description: `${place}: the bytes are not valid UTF-8` };
  }
  const text = buffer.toString("utf8");
  const json = text.startsWith("\ufeff") ? text.slice(1) : text;
  return json.trim() === "" ? { field: "body", description: "is empty" } : json;
}

/** The length of the longest start that is valid UTF-8. */
function validLength(buffer: Buffer): number {
  // Decoding writes U+FFFD for what is invalid: encoded again, it differs there, or in the middle of a character.
  const repaired = Buffer.from(buffer.toString("utf8"));
  let at = 0;
  while (buffer[at] === repaired[at]) at++;
  while (!isUtf8(buffer.subarray(0, at))) at--;
  return at;
}
