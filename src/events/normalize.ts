/** Makes an event of loose JSON, by the table of rules. Pure. */
import type { Violation } from "../errors.js";
import { canonicalJson } from "./canonical-json.js";
import {
  COUNTED_AMOUNT,
  FIELD_RULES,
  type FieldName,
  type FieldRule,
  UNKNOWN_AMOUNT,
  UNKNOWN_NAME,
} from "./field-rules.js";
import { type Findings, refuse, type Warning, warn } from "./findings.js";
import type { JsonFields } from "./json-tree.js";
import { type FieldDraft, readFields } from "./read-fields.js";

/** What a project does with an event that lacks client, metric, amount or time: refuse it, or fill them in. */
export type EventPolicy = "strict" | "lenient";

/** What else an event depends on besides its content. */
export interface NormalizeOptions {
  readonly policy: EventPolicy;
  /** The time of an event that was sent without one, under LENIENT; microseconds since 1970. */
  readonly receivedAtUs: number;
}

/** An event as it is stored. */
export interface NormalizedEvent {
  readonly client: string;
  readonly metric: string;
  /** Canonical decimal text: no exponent, no superfluous zero. */
  readonly amount: string;
  /** Since 1970, below 2^53. */
  readonly occurredAtUs: number;
  readonly path: string | undefined;
  readonly userId: string | undefined;
  /** A JSON object with sorted keys: every other field where it was sent, those of `payload` under it. */
  readonly attributes: string;
}

/** The fields that the client sent, as they were read; undefined is one that it did not send. */
export interface SentFields {
  readonly client: string | undefined;
  readonly metric: string | undefined;
  readonly amount: string | undefined;
  readonly occurredAtUs: number | undefined;
  readonly path: string | undefined;
  readonly userId: string | undefined;
}

/** An event that is accepted, or everything that is wrong with it. */
export type Normalization =
  | {
      readonly outcome: "accepted";
      readonly event: NormalizedEvent;
      readonly sent: SentFields;
      readonly warnings: Findings<Warning>;
    }
  | {
      readonly outcome: "refused";
      readonly violations: Findings<Violation>;
      /** For listing: "" if the event names none that can be read. */
      readonly client: string;
    };

/** Reads the fields of an event, at its top level and under `payload`; null counts as missing. */
export function normalizeEvent(fields: JsonFields, options: NormalizeOptions): Normalization {
  const draft = readFields(fields);
  const { values, violations, warnings } = draft;
  for (const rule of FIELD_RULES) {
    if (rule.isRequired && draft.found[rule.name] === undefined) noteMissing(draft, rule, options);
  }
  if (violations.list.length > 0) {
    return { outcome: "refused", violations, client: values.client ?? "" };
  }
  const { client, metric, amount, occurred_at: occurredAtUs, path, user_id: userId } = values;
  return {
    outcome: "accepted",
    event: {
      client: client ?? UNKNOWN_NAME,
      metric: metric ?? UNKNOWN_NAME,
      amount: amount ?? (draft.isCounting ? COUNTED_AMOUNT : UNKNOWN_AMOUNT),
      occurredAtUs: occurredAtUs ?? options.receivedAtUs,
      path,
      userId,
      attributes: canonicalJson(draft.attributes),
    },
    sent: { client, metric, amount, occurredAtUs, path, userId },
    warnings,
  };
}

/** A required field that the event does not have: a violation under STRICT, a default under LENIENT. */
function noteMissing(
  draft: FieldDraft,
  { name, aliases }: FieldRule,
  { policy }: NormalizeOptions,
): void {
  if (name === "amount" && draft.isCounting) return;
  if (policy === "strict") {
    const some = aliases.slice(0, 3).join(", ");
    refuse(draft.violations, name, `is required (or ${some}, …)`);
  } else {
    warn(draft.warnings, "DEFAULTED", name, `is missing: ${DEFAULT_TEXTS[name]} was taken`);
  }
}

/** What a missing field was taken for, as the warning says it. */
const DEFAULT_TEXTS: Readonly<Partial<Record<FieldName, string>>> = {
  client: `"${UNKNOWN_NAME}"`,
  metric: `"${UNKNOWN_NAME}"`,
  amount: UNKNOWN_AMOUNT,
  occurred_at: "the time of receipt",
};
