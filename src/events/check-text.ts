/** What a text or key of an event must not hold. */
import type { Violation } from "../errors.js";
import { quote } from "../text.js";
import { fieldPath, type Place } from "./field-path.js";
import { type Findings, hasRoom, refuse } from "./findings.js";

/** A text that Postgres can keep. */
export function checkText(
  violations: Findings<Violation>,
  parent: Place | undefined,
  key: string | number,
  text: string,
): void {
  const fault = faultOf(text);
  if (fault === undefined || !hasRoom(violations)) return;
  refuse(violations, fieldPath(parent, key), `is no valid text: ${fault}: ${quote(text)}`);
}

/** A key that Postgres can keep, and that no program which reads it takes for a prototype. */
export function checkKey(
  violations: Findings<Violation>,
  parent: Place | undefined,
  key: string,
): void {
  const fault = key === "__proto__" ? "JavaScript programs take it for a prototype" : faultOf(key);
  if (fault === undefined || !hasRoom(violations)) return;
  refuse(violations, fieldPath(parent, key), `is no valid key: ${fault}`);
}

function faultOf(text: string): string | undefined {
  if (text.includes("\0")) return "it contains a NUL character";
  return text.isWellFormed() ? undefined : "it contains half of a surrogate pair";
}
