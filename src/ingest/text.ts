/** Texts as the contract bounds them: UTF-8 bytes, no NUL where Postgres keeps text. */

/** The size in UTF-8 bytes; short texts are not scanned. */
export function exceeds(text: string, maxBytes: number): boolean {
  // A UTF-16 unit is at most three UTF-8 bytes.
  if (text.length * 3 <= maxBytes) return false;
  return text.length > maxBytes || Buffer.byteLength(text) > maxBytes;
}

/** The longest prefix of whole characters within `maxBytes` UTF-8 bytes. */
export function cutText(text: string, maxBytes: number): string {
  // Every UTF-16 unit takes at least one byte: what lies further on cannot be part of the prefix.
  const bytes = Buffer.from(text.slice(0, maxBytes));
  if (bytes.length <= maxBytes) return bytes.toString();
  let end = maxBytes;
  // 10xxxxxx continues a character.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return bytes.toString("utf8", 0, end);
}

/** A value as an error message shows it: quoted, escaped, short. */
export function quote(value: string): string {
  return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
}

/** The text with what Postgres cannot keep as text replaced by U+FFFD. */
export function storableText(text: string): string {
  const wellFormed = text.toWellFormed();
  return wellFormed.includes("\0") ? wellFormed.replaceAll("\0", "\ufffd") : wellFormed;
}
