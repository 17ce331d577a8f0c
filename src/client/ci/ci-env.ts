/** Environment variables as texts that can be stored. */

export type Env = Readonly<Record<string, string | undefined>>;

export interface CiEnv {
  /** One trimmed line; empty for what is absent, empty or the word `null` or `undefined`. */
  text(name: string): string;
  /** A whole number from 1; 0 for anything else. */
  count(name: string): number;
  /** An index from 0 as one from 1; 0 for anything else. */
  countFromZero(name: string): number;
  /** `true`, as CI systems mark themselves, in any case; also `1`. */
  flag(name: string): boolean;
}

/** Reads the variables. */
export function readEnv(env: Env): CiEnv {
  const text = (name: string) => cleanText(env[name]);
  return {
    text,
    count: (name) => countOf(text(name)),
    countFromZero: (name) => (/^0+$/.test(text(name)) ? 1 : countOf(text(name), 1)),
    flag: (name) => /^(true|1)$/i.test(text(name)),
  };
}

/** As `CiEnv.text` says; what is no text is empty. */
export function cleanText(value: unknown): string {
  if (typeof value !== "string") return "";
  const line = value.toWellFormed().replace(CONTROLS, " ").trim();
  return line === "null" || line === "undefined" ? "" : line;
}

/** A whole number from 1, and `added` to it; 0 for anything else. */
export function countOf(text: string, added = 0): number {
  return /^\d{1,9}$/.test(text) && Number(text) > 0 ? Number(text) + added : 0;
}

const CONTROLS = /\p{Cc}+/gu;
