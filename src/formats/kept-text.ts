/** Text gathered from a file, kept up to what any field can hold; the size of the whole is known. */

export interface KeptText {
  text: string;
  /** UTF-8 bytes of the whole, kept or not. */
  bytes: number;
}

/** Characters that are kept: more than the largest field has bytes, so that what is lost is always cut. */
export const KEPT_CHARACTERS = 128 * 1024;

/** Empty text. */
export function emptyText(): KeptText {
  return { text: "", bytes: 0 };
}

/** Adds to the text, within the bound. */
export function append(kept: KeptText, text: string, bytes: number): void {
  kept.bytes += bytes;
  if (kept.text.length < KEPT_CHARACTERS) {
    kept.text += text.slice(0, KEPT_CHARACTERS - kept.text.length);
  }
}

/** Several texts as one, blank ones left out. */
export function joinTexts(texts: readonly KeptText[], separator: string): KeptText {
  const joined = emptyText();
  for (const { text, bytes } of texts) {
    if (text.trim() === "") continue;
    if (joined.bytes > 0) append(joined, separator, separator.length);
    append(joined, text, bytes);
  }
  return joined;
}

/** Blank lines around the text removed; exact inside. */
export function trimLines({ text, bytes }: KeptText): KeptText {
  const trimmed = text.replace(/^(?:[^\S\n]*\n)+/, "").trimEnd();
  return { text: trimmed, bytes: bytes - Buffer.byteLength(text) + Buffer.byteLength(trimmed) };
}

/** The truncation to flag if part of the text was not kept. */
export function lostPart(field: string, { text, bytes }: KeptText) {
  return bytes > Buffer.byteLength(text) ? [{ field, originalBytes: BigInt(bytes) }] : [];
}
