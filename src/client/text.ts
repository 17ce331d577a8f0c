/** Texts as the contract bounds them: valid Unicode without NUL, sizes in UTF-8 bytes. */
import { createHash } from "node:crypto";

/** The longest prefix of whole characters within `maxBytes` UTF-8 bytes. */
export function cutText(text: string, maxBytes: number): string {
  // A UTF-16 unit is at least one byte and at most three.
  if (text.length * 3 <= maxBytes) return text;
  const bytes = Buffer.from(text.slice(0, maxBytes));
  if (bytes.length <= maxBytes) return bytes.toString();
  let end = maxBytes;
  // 10xxxxxx continues a character.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return bytes.toString("utf8", 0, end);
}

/**
 * The text within `maxBytes`, still telling different texts apart: a cut one ends in `…` and 16 hex digits
 * of the SHA-256 of the whole. For the parts of a test's identity, which the server never cuts.
 */
export function cutIdentity(text: string, maxBytes: number): string {
  if (text.length * 3 <= maxBytes || Buffer.byteLength(text) <= maxBytes) return text;
  const digest = createHash("sha256").update(text).digest("hex").slice(0, 16);
  return `${cutText(text, maxBytes - Buffer.byteLength(`…${digest}`))}…${digest}`;
}

/** The text with NUL and every half of a surrogate pair replaced by U+FFFD. */
export function repairText(text: string): string {
  // Nearly every text is storable, and both checks are native.
  if (text.isWellFormed() && !text.includes("\0")) return text;
  return text.toWellFormed().replaceAll("\0", "\ufffd");
}
