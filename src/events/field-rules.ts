/** The table of rules by which loose JSON becomes an event. Whoever changes it raises NORMALIZER_VERSION. */
import { limits } from "../limits.js";
import type { JsonNode } from "./json-tree.js";
import { readAmount } from "./read-amount.js";
import { readName } from "./read-name.js";
import { readTime } from "./read-time.js";
import type { Reading } from "./reading.js";

/** Stored with each event: the version of the rules that it was read by. */
export const NORMALIZER_VERSION = 1;

/** What the fields of an event are read as: `amount` is canonical decimal text, `occurred_at` microseconds. */
export interface FieldValues {
  client: string | undefined;
  metric: string | undefined;
  amount: string | undefined;
  occurred_at: number | undefined;
  path: string | undefined;
  user_id: string | undefined;
}

export type FieldName = keyof FieldValues;

/** How one field of an event is found and read. */
export interface FieldRule {
  readonly name: FieldName;
  /**
   * Other names of the field, in the order in which messages list them; `findField` says when a key matches.
   * None is better than another: if several occur, they must have equal values.
   */
  readonly aliases: readonly string[];
  readonly read: (node: JsonNode) => Reading<string | number>;
  /** Whether STRICT refuses an event without it; LENIENT then takes a default, with a warning. */
  readonly isRequired: boolean;
}

/** In the order in which faults are named. */
export const FIELD_RULES: readonly FieldRule[] = [
  {
    name: "client",
    aliases: ["site_id", "source", "client_id", "client_name", "site", "source_id"],
    read: readShortName,
    isRequired: true,
  },
  {
    name: "metric",
    aliases: ["event_type", "type", "name", "event", "event_name", "metric_name"],
    read: readShortName,
    isRequired: true,
  },
  {
    name: "amount",
    aliases: ["value", "count", "total", "quantity"],
    read: readAmount,
    isRequired: true,
  },
  {
    name: "occurred_at",
    aliases: ["timestamp", "time", "date", "ts", "datetime", "event_time", "created_at"],
    read: readTime,
    isRequired: true,
  },
  { name: "path", aliases: ["url_path", "page", "page_path"], read: readPath, isRequired: false },
  { name: "user_id", aliases: ["user", "uid"], read: readShortName, isRequired: false },
];

function readShortName(node: JsonNode): Reading<string> {
  return readName(node, limits.eventNameBytes);
}

function readPath(node: JsonNode): Reading<string> {
  return readName(node, limits.nameBytes);
}

/** What LENIENT takes for a missing client or metric. */
export const UNKNOWN_NAME = "unknown";
/** What LENIENT takes for a missing amount. */
export const UNKNOWN_AMOUNT = "0";
/** The amount of an event that may omit it. */
export const COUNTED_AMOUNT = "1";

/** Names of the metric under which an event may omit its amount, under either policy: it then counts 1. */
const COUNTING_ALIASES = ["event_type", "type"];

/** Which field a key is. */
export interface FieldMatch {
  readonly rule: FieldRule;
  /** Whether it names a metric that counts 1 without an amount. */
  readonly isCounting: boolean;
}

/** The object in which fields are looked up besides the event itself. */
export const PAYLOAD = "payload";

/**
 * The field that a key names, "payload" for the object of that name. Case, "-" and "_" make no difference:
 * `clientId`, `Client-ID` and `client_id` are one alias. Undefined for a key that is an attribute.
 */
export function findField(key: string): FieldMatch | typeof PAYLOAD | undefined {
  const match = MATCHES.get(key);
  if (match !== undefined || key.length > LONGEST_KEY) return match;
  return MATCHES.get(fold(key));
}

function fold(key: string): string {
  return key.toLowerCase().replaceAll(SEPARATORS, "");
}

const SEPARATORS = /[-_]/g;
/** By name as written in the table, so that most need no folding, and by folded name. */
const MATCHES = new Map<string, FieldMatch | typeof PAYLOAD>([[PAYLOAD, PAYLOAD]]);
for (const rule of FIELD_RULES) {
  for (const alias of [rule.name, ...rule.aliases]) {
    const match = { rule, isCounting: COUNTING_ALIASES.includes(alias) };
    MATCHES.set(alias, match).set(fold(alias), match);
  }
}
/** Separators may stand between all letters, not that anyone writes so. */
const LONGEST_KEY = 32;
