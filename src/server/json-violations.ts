/** Where a JSON body departs from its message: the decoder stops at the first fault and names no index. */
import type { DescEnum, DescField, DescMessage, JsonObject, JsonValue } from "@bufbuild/protobuf";
import { fromJson, ScalarType } from "@bufbuild/protobuf";
import type { Violation } from "../errors.js";
import { limits } from "../limits.js";

/**
 * The faults of a body that did not decode, by paths in proto names (`results[3].status`), at most one more
 * than an answer lists. `fallback` describes a fault that no single field shows.
 */
export function jsonViolations(desc: DescMessage, text: string, fallback: string): Violation[] {
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
  return found.length > 0 ? found : [{ field: "body", description: fallback.slice(0, 300) }];
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
    else if (!decodes(desc, { [key]: value })) visitField(desc, field, value, at, report);
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
      if (!decodes(desc, { [field.jsonName]: [item] })) {
        visitValue(field, item, `${path}[${index}]`, report);
      }
    }
  } else if (field.fieldKind === "map") {
    if (!isObject(value)) {
      report(path, `expected an object, got ${show(value)}`);
      return;
    }
    for (const [key, item] of Object.entries(value)) {
      if (!decodes(desc, { [field.jsonName]: { [key]: item } })) {
        visitValue(field, item, `${path}[${JSON.stringify(key.slice(0, 100))}]`, report);
      }
    }
  } else {
    visitValue(field, value, path, report);
  }
}

function visitValue(field: DescField, value: JsonValue, path: string, report: Report): void {
  const message = field.message;
  if (message !== undefined && !message.typeName.startsWith("google.protobuf.")) {
    visitMessage(message, value, path, report);
  } else {
    report(path, `expected ${expected(field)}, got ${show(value)}`);
  }
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
