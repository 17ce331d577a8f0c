/** Where a JSON body departs from its message: the decoder stops at the first fault and names no index. */
import type { DescEnum, DescField, DescMessage, JsonObject, JsonValue } from "@bufbuild/protobuf";
import { fromJson, ScalarType } from "@bufbuild/protobuf";
import type { Violation } from "../errors.js";
import { limits } from "../limits.js";
import { PROTOTYPE_KEY, PROTOTYPE_KEY_FAULT } from "../wire/prototype-keys.js";

/**
 * Whether the body may have what the decoder takes without a word: a time on a day that does not exist, 30 February or 24
 * o'clock, for one of the next day, and a key that it loses.
 */
export function mayHideFaults(text: string): boolean {
  return MISSING_DAY.test(text) || text.includes(PROTOTYPE_KEY);
}

const MISSING_DAY = /"\d{4}-(?:02-(?:29|3\d)|(?:04|06|09|11)-31|\d\d-\d\dT24)/;

/**
 * The faults of a body, by paths in proto names (`results[3].status`), at most one more than an answer lists. `fallback`
 * describes the fault of one that did not decode where no single field shows it.
 */
export function jsonViolations(desc: DescMessage, text: string, fallback?: string): Violation[] {
  let json: JsonValue;
  try {
    json = JSON.parse(text) as JsonValue;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return [{ field: "body", description: `is not valid JSON: ${reason}`.slice(0, 300) }];
  }
  const found: Violation[] = [];
  const report: Report = (field, description) => {
    if (found.length <= limits.violationsPerItem) found.push({ field, description });
  };
  visitMessage(desc, json, "", report);
  if (found.length > 0 || fallback === undefined) return found;
  return [{ field: "body", description: fallback.slice(0, 300) }];
}

type Report = (field: string, description: string) => void;

function visitMessage(desc: DescMessage, json: JsonValue, path: string, report: Report): void {
  if (!isObject(json)) {
    report(path || "body", `expected an object, got ${show(json)}`);
    return;
  }
  for (const [key, value] of Object.entries(json)) {
    const field = desc.fields.find((f) => f.name === key || f.jsonName === key);
    const at = path === "" ? (field?.name ?? key) : `${path}.${field?.name ?? key}`;
    if (field === undefined) report(at.slice(0, 200), "is not a known field");
    else if (mayHaveFault(desc, { [key]: value })) visitField(desc, field, value, at, report);
  }
}

function visitField(
  desc: DescMessage,
  field: DescField,
  value: JsonValue,
  path: string,
  report: Report,
): void {
  if (field.fieldKind === "list") {
    if (!Array.isArray(value)) {
      report(path, `expected an array, got ${show(value)}`);
      return;
    }
    for (const [index, item] of value.entries()) {
      const alone = { [field.jsonName]: [item] };
      visitValue(desc, field, item, alone, `${path}[${index}]`, report);
    }
  } else if (field.fieldKind === "map") {
    if (!isObject(value)) {
      report(path, `expected an object, got ${show(value)}`);
      return;
    }
    if (hasPrototypeKey(value)) report(path, PROTOTYPE_KEY_FAULT);
    for (const [key, item] of Object.entries(value)) {
      const alone = { [field.jsonName]: { [key]: item } };
      visitValue(desc, field, item, alone, `${path}[${JSON.stringify(key.slice(0, 100))}]`, report);
    }
  } else {
    visitValue(desc, field, value, { [field.jsonName]: value }, path, report);
  }
}

/** `alone` is the message with this value and no other. */
function visitValue(
  desc: DescMessage,
  field: DescField,
  value: JsonValue,
  alone: JsonObject,
  path: string,
  report: Report,
): void {
  if (!mayHaveFault(desc, alone)) return;
  const message = field.message;
  if (message !== undefined && !message.typeName.startsWith("google.protobuf.")) {
    visitMessage(message, value, path, report);
  } else if (!decodes(desc, alone)) {
    report(path, `expected ${expected(field)}, got ${show(value)}`);
  } else if (message?.typeName === "google.protobuf.Timestamp" && isMissingDay(value)) {
    report(path, `expected a time on a day that exists, got ${show(value)}`);
  } else if (message?.typeName === "google.protobuf.Struct" && hasPrototypeKey(value)) {
    report(path, PROTOTYPE_KEY_FAULT);
  }
}

function mayHaveFault(desc: DescMessage, json: JsonObject): boolean {
  return !decodes(desc, json) || mayHideFaults(JSON.stringify(json));
}

/** Of a text that the decoder takes for a time. */
function isMissingDay(value: JsonValue): boolean {
  const text = String(value);
  const [year, month, day] = text.slice(0, 10).split("-").map(Number);
  const lastDay = new Date(Date.UTC(year ?? 0, month ?? 0, 0)).getUTCDate();
  return (day ?? 0) > lastDay || text.slice(11, 13) === "24";
}

/** Of a value, or of one within it. */
function hasPrototypeKey(value: JsonValue): boolean {
  if (typeof value !== "object" || value === null) return false;
  return Object.hasOwn(value, PROTOTYPE_KEY) || Object.values(value).some(hasPrototypeKey);
}

function expected(field: DescField): string {
  if (field.enum !== undefined) return `one of ${enumNames(field.enum)}`;
  const type = field.message?.typeName;
  switch (type) {
    case "google.protobuf.Timestamp":
      return 'a time like "2026-01-12T10:00:00Z"';
    case "google.protobuf.Duration":
      return 'a duration in seconds like "3.5s"';
    case "google.protobuf.Struct":
      return `an object of at most ${limits.eventDepth} levels`;
    case undefined:
      return field.scalar === undefined ? "another type" : scalarName(field.scalar);
    default:
      return type;
  }
}

function enumNames(desc: DescEnum): string {
  return desc.values
    .map((value) => value.name)
    .join(", ")
    .slice(0, 200);
}

function scalarName(type: ScalarType): string {
  return type === ScalarType.STRING ? "a string of valid UTF-8" : ScalarType[type].toLowerCase();
}

function decodes(desc: DescMessage, json: JsonValue): boolean {
  try {
    fromJson(desc, json, { ignoreUnknownFields: false });
    return true;
  } catch {
    return false;
  }
}

function isObject(json: JsonValue): json is JsonObject {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

/** A value as the caller wrote it, cut. */
function show(json: JsonValue): string {
  if (Array.isArray(json)) return "an array";
  if (isObject(json)) return "an object";
  const text = JSON.stringify(json);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
