/** Values as texts, for what a test expected and what it got. */
import { inspect } from "node:util";

/** Strings as they are, other values as Node prints them; no code of theirs is run. Empty for undefined. */
export function printed(value: unknown): string {
  if (typeof value === "string") return value;
  return value === undefined ? "" : inspect(value, FORMAT);
}

/** The bounds keep a huge value from holding up the tests. */
const FORMAT = {
  depth: 4,
  customInspect: false,
  maxArrayLength: 100,
  maxStringLength: 8192,
  breakLength: 80,
  sorted: true,
} as const;
