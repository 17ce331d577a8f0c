/** How attributes and warnings are stored: nothing where there are none. */
import type { Warning } from "./findings.js";
import type { NormalizedEvent } from "./normalize.js";

/** A warning as it is stored and answered. */
export interface EventWarning {
  readonly code: string;
  readonly field: string;
  readonly description: string;
}

/** The warning of a finding. */
export function toWarning({ code, field, message }: Warning): EventWarning {
  return { code, field, description: message };
}

/** JSON, or null. */
export function storedWarnings(warnings: readonly Warning[]): string | null {
  return warnings.length === 0 ? null : JSON.stringify(warnings.map(toWarning));
}

/** A JSON object, or null. */
export function storedAttributes({ attributes }: NormalizedEvent): string | null {
  return attributes === "{}" ? null : attributes;
}
