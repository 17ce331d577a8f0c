/** What is wrong with an event, and what deserves a warning: as much as an answer lists. */
import type { Violation } from "../errors.js";
import { limits } from "../limits.js";

/**
 * Why an event is accepted with a warning.
 *
 * - `UNKNOWN_FIELD`: the field is no known one; it is kept as an attribute.
 * - `DEFAULTED`: the field is missing; the policy gave it a value.
 * - `COERCED`: the value was read by a rule that may not be what the client meant.
 * - `ALIAS_REPEATED`: the field occurs under several names, with equal values.
 */
export type WarningCode = "UNKNOWN_FIELD" | "DEFAULTED" | "COERCED" | "ALIAS_REPEATED";

/** Something that the client should know about an event that is accepted. */
export interface Warning {
  readonly code: WarningCode;
  /** The path as sent, or the canonical name of a missing field. */
  readonly field: string;
  readonly message: string;
}

/** A list that stops growing at `max` entries, and then knows that there were more. */
export interface Findings<T> {
  readonly list: T[];
  truncated: boolean;
  readonly max: number;
}

/** An empty list of violations. */
export function noViolations(): Findings<Violation> {
  return { list: [], truncated: false, max: limits.violationsPerItem };
}

/** An empty list of warnings. */
export function noWarnings(): Findings<Warning> {
  return { list: [], truncated: false, max: limits.warningsPerEvent };
}

/** Whether there is room for one more; if not, the list is truncated from now on. */
export function hasRoom<T>(findings: Findings<T>): boolean {
  if (findings.list.length < findings.max) return true;
  findings.truncated = true;
  return false;
}

/** Adds a violation, if there is room. */
export function refuse(violations: Findings<Violation>, field: string, description: string): void {
  if (hasRoom(violations)) violations.list.push({ field, description });
}

/** Adds a warning, if there is room. */
export function warn(
  warnings: Findings<Warning>,
  code: WarningCode,
  field: string,
  message: string,
): void {
  if (hasRoom(warnings)) warnings.list.push({ code, field, message });
}
