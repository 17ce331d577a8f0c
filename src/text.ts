/** Texts as the contract bounds them: UTF-8 bytes, valid Unicode, no NUL, which Postgres cannot keep as text. */

/** Whether the text has more than `maxBytes` UTF-8 bytes; short texts are not scanned. */
export function exceeds(text: string, maxBytes: number): boolean {
  // A UTF-16 unit is at most three UTF-8 bytes, and at least one.
  if (text.length * 3 <= maxBytes) return false;
  return text.length > maxBytes || Buffer.byteLength(text) > maxBytes;
}

/** The longest prefix of whole characters within `maxBytes` UTF-8 bytes. */
export function cutText(text: string, maxBytes: number): string {
  if (!exceeds(text, maxBytes)) return text;
  // What lies further on cannot be part of the prefix.
  const bytes = Buffer.from(text.slice(0, maxBytes));
  let end = Math.min(maxBytes, bytes.length);
  // 10xxxxxx continues a character.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return bytes.toString("utf8", 0, end);
}

/** The text with NUL and every half of a surrogate pair replaced by U+FFFD. */
export function repairText(text: string): string {
  // Nearly every text is storable, and both checks are native.
  if (text.isWellFormed() && !text.includes("\0")) return text;
  return text.toWellFormed().replaceAll("\0", "\ufffd");
}

/** A value as an error message shows it: quoted, escaped, short. */
export function quote(value: string): string {
  return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
}
