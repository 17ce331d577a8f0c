/** Ids of organizations, projects and tokens. */

const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";

/** Base32 characters, one for each random byte given. */
export function base32(bytes: Uint8Array): string {
  // 256 is a multiple of 32: every character is equally likely.
  return Array.from(bytes, (byte) => ALPHABET.charAt(byte % 32)).join("");
}

/** False for a text that no id of ours can be, whatever it contains; such a text never reaches a statement. */
export function couldBeId(text: string): boolean {
  return /^[a-z0-9_]{1,64}$/.test(text);
}

/** Who changes something, for the audit log. */
export interface Actor {
  readonly tokenId: string;
  readonly address: string;
}
