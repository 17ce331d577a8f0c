/** Which failures are alike: those of one kind and type whose messages differ only in what varies. */
import { hashParts } from "../hash-parts.js";
import { limits } from "../limits.js";
import { cutText } from "../text.js";
import { maskTokens } from "./mask-tokens.js";

/** Of masks and fingerprints; a group that an older one made is another group. */
export const FINGERPRINT_VERSION = 1;

/** Of a failure, what tells it from others; "" for what is absent. */
export interface FailureFacts {
  readonly kind: string;
  readonly type: string;
  readonly message: string;
}

/** What a group of failures is known by. */
export interface FailureFingerprint {
  /** An int8 in decimal, unique enough within a project. */
  readonly fingerprint: string;
  /** The message as maskMessage has it. */
  readonly masked: string;
}

/**
 * The group of a failure: the first 8 bytes, as a signed number, of SHA-256 over version, kind, type and masked message,
 * each with its length. A status is no part of it: the same failure may be FAILED to one tool and ERRORED to another.
 * Failures without a message are a group of their own for each kind and type.
 */
export function fingerprintFailure({ kind, type, message }: FailureFacts): FailureFingerprint {
  const masked = maskMessage(message);
  const hash = hashParts([String(FINGERPRINT_VERSION), kind, type, masked]);
  return { fingerprint: hash.readBigInt64BE(0).toString(), masked };
}

/**
 * The message without what varies between failures that are alike. Of its first 8 KiB, escape sequences of terminals
 * are removed and white space becomes single spaces. Then, from left to right, the first of these that is there:
 *
 * | becomes | what |
 * |---|---|
 * | itself | a mask |
 * | `<value>` | what is in single, double or back quotes; an apostrophe is none of them |
 * | `<time>` | ISO 8601, a date with the name of a month and a year or time, `01/31/2024`, `31.01.2024`, `10:15:30`, `1:30 PM` |
 * | `<uuid>` | 8-4-4-4-12 hexadecimal digits |
 * | `<address>` | URLs, e-mail, IPv4, IPv6, `localhost:80`, `db.example:5432` |
 * | `<path>` | `/a`, `./a`, `a/b/c`, `a/b.c`, `C:\a`, `\\a\b`, `a\b.ts`, `main.go:42`; with line and column |
 * | `<hex>` | `0x1f`; 8 hexadecimal digits or more, with letters and numerals; `@1b2c3d` as Java prints objects |
 * | `<n>` | a number with sign, thousands, fraction and exponent; its unit stays: `30000ms` is `<n>ms` |
 * | itself | a word; numerals in it are part of a name: `utf8`, `E0308`, `TS2345` |
 *
 * So an address in quotes is a value. Whole words of the first 1,000 characters are kept. What is masked stays the same
 * when it is masked again. The time is linear.
 */
export function maskMessage(message: string): string {
  const text = cutText(message, limits.failureMessageBytes)
    .replace(TERMINAL_SEQUENCE, "")
    .replace(/\s+/g, " ")
    .trim();
  let masked = "";
  for (const token of maskTokens(text)) {
    if (masked.length + token.length > MASKED_LENGTH) return cut(masked, token);
    masked += token;
  }
  return masked;
}

/** As many whole words as fit; of a longer one the tokens that fit, without quotes that would close something here. */
function cut(masked: string, token: string): string {
  const end = (masked + token).lastIndexOf(" ", MASKED_LENGTH);
  return end === -1 ? masked.replace(/["'`\\]+$/, "") : masked.concat(token).slice(0, end);
}

/** Characters of a masked message. */
export const MASKED_LENGTH = 1000;
/** CSI (also cut off), OSC and shorter sequences of ECMA-48; an ESC without one as well. */
const TERMINAL_SEQUENCE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it is about
  /\x1b(?:\[[0-?]*[ -/]*[@-~]?|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-~]?)|\x9b[0-?]*[ -/]*[@-~]?/g;
