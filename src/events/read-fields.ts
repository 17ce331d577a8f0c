/** Tells the fields of an event from its attributes, and reads them. */
import type { Violation } from "../errors.js";
import { checkAttribute } from "./check-attribute.js";
import { fieldPath, type Place } from "./field-path.js";
import {
  type FieldName,
  type FieldRule,
  type FieldValues,
  findField,
  PAYLOAD,
} from "./field-rules.js";
import {
  type Findings,
  hasRoom,
  noViolations,
  noWarnings,
  refuse,
  type Warning,
  warn,
} from "./findings.js";
import { isFields, type JsonFields, type JsonNode } from "./json-tree.js";
import { show } from "./reading.js";

/** An event as far as it is read. */
export interface FieldDraft {
  readonly values: FieldValues;
  /** Fields that are there, even if they cannot be read. */
  readonly found: Record<FieldName, FoundField | undefined>;
  /** Whether the metric has a name under which an event may omit its amount. */
  isCounting: boolean;
  /** What is no field, where it was sent. */
  readonly attributes: Map<string, JsonNode>;
  readonly violations: Findings<Violation>;
  readonly warnings: Findings<Warning>;
}

/** Where a field was found first. */
interface FoundField {
  readonly parent: Place | undefined;
  readonly key: string;
  readonly node: JsonNode;
  isRepeated: boolean;
}

/** Reads what is there: fields, and attributes besides them. A field with the value null is not there. */
export function readFields(fields: JsonFields): FieldDraft {
  const draft: FieldDraft = {
    values: {
      client: undefined,
      metric: undefined,
      amount: undefined,
      occurred_at: undefined,
      path: undefined,
      user_id: undefined,
    },
    found: {
      client: undefined,
      metric: undefined,
      amount: undefined,
      occurred_at: undefined,
      path: undefined,
      user_id: undefined,
    },
    isCounting: false,
    attributes: new Map(),
    violations: noViolations(),
    warnings: noWarnings(),
  };
  let payload: string | undefined;
  for (const [key, node] of fields) {
    if (findField(key) !== PAYLOAD || (node !== null && !isFields(node))) {
      readField(draft, undefined, key, node, draft.attributes);
    } else if (node !== null && payload === undefined) {
      payload = key;
      readPayload(draft, key, node);
    } else if (node !== null) {
      refuse(draft.violations, key, `is a second payload besides ${payload}`);
    }
  }
  return draft;
}

function readPayload(draft: FieldDraft, key: string, fields: JsonFields): void {
  const place = { parent: undefined, key };
  const attributes = new Map<string, JsonNode>();
  for (const [inner, node] of fields) readField(draft, place, inner, node, attributes);
  if (attributes.size > 0) draft.attributes.set(key, attributes);
}

/** Reads a field, or keeps what is none among the attributes. */
function readField(
  draft: FieldDraft,
  parent: Place | undefined,
  key: string,
  node: JsonNode,
  attributes: Map<string, JsonNode>,
): void {
  const match = findField(key);
  if (match === undefined || match === PAYLOAD) {
    attributes.set(key, node);
    checkAttribute(draft.violations, parent, key, node);
    if (hasRoom(draft.warnings)) {
      warn(draft.warnings, "UNKNOWN_FIELD", fieldPath(parent, key), "is kept as an attribute");
    }
  } else if (node !== null) {
    if (match.isCounting) draft.isCounting = true;
    readValue(draft, match.rule, { parent, key, node, isRepeated: false });
  }
}

function readValue(draft: FieldDraft, { name, read }: FieldRule, field: FoundField): void {
  const reading = read(field.node);
  const first = draft.found[name];
  const value = draft.values[name];
  if (value === undefined) draft.found[name] = field;
  if ("fault" in reading) {
    refuse(draft.violations, fieldPath(field.parent, field.key), reading.fault);
    return;
  }
  if (first !== undefined && value !== undefined) {
    noteRepeat(draft, first, field, value === reading.value);
    return;
  }
  // The rules read times as numbers and everything else as texts.
  (draft.values as Record<FieldName, string | number | undefined>)[name] = reading.value;
  if (reading.assumed !== undefined) {
    warn(draft.warnings, "COERCED", fieldPath(field.parent, field.key), reading.assumed);
  }
}

/** A field under a second name: a contradiction, or worth one warning. */
function noteRepeat(
  draft: FieldDraft,
  first: FoundField,
  field: FoundField,
  isEqual: boolean,
): void {
  const path = fieldPath(field.parent, field.key);
  const firstPath = fieldPath(first.parent, first.key);
  if (!isEqual) {
    const values = `is ${show(field.node)}, but ${firstPath} is ${show(first.node)}`;
    refuse(draft.violations, path, `${values}: both name the same field`);
  } else if (!first.isRepeated) {
    first.isRepeated = true;
    warn(draft.warnings, "ALIAS_REPEATED", path, `repeats ${firstPath}`);
  }
}
