/** Text of others, made harmless for the eye: React already keeps it from being markup. */

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const ANSI = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\-_])/g;
const INVISIBLE = /(?![\n\r\t])[\p{Cc}\p{Bidi_Control}\u200b\u2060\ufeff]/gu;

/**
 * The text without terminal colours, with other control characters and those that turn the direction of writing shown as
 * `⟨U+202E⟩`, cut to `maxLength` characters.
 */
export function displayText(text: string, maxLength = 2000): string {
  const cut = text.length > maxLength ? `${cutWhole(text, maxLength)}…` : text;
  return cut.replace(ANSI, "").replace(INVISIBLE, (char) => `⟨U+${hex(char)}⟩`);
}

/** The address, if it is one of the web; undefined for every other scheme. */
export function webAddress(text: string): string | undefined {
  try {
    const url = new URL(text);
    return url.protocol === "https:" || url.protocol === "http:" ? url.href : undefined;
  } catch {
    return undefined;
  }
}

/** Does not cut a character in two. */
function cutWhole(text: string, length: number): string {
  const last = text.charCodeAt(length - 1);
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? length - 1 : length);
}

function hex(char: string): string {
  return char.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0");
}
