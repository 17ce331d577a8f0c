/** Reads an event that was sent as a google.protobuf.Struct, whose numbers are doubles. */
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import type { Violation } from "../errors.js";
import { limits } from "../limits.js";
import { canonicalJson } from "./canonical-json.js";
import { checkKey, checkText } from "./check-text.js";
import { fieldPath, type Place } from "./field-path.js";
import { type Findings, hasRoom, noViolations, refuse } from "./findings.js";
import { type JsonNode, JsonNumber } from "./json-tree.js";
import type { ParsedEvent } from "./parse-event.js";

/** The fields of an event; its size is that of its canonical JSON. A Value that is not set is null. */
export function convertStruct(struct: JsonObject): ParsedEvent {
  const violations = noViolations();
  const fields = convertObject(violations, undefined, struct, 1);
  const size = Buffer.byteLength(canonicalJson(fields));
  if (size > limits.eventPayloadBytes) {
    refuse(violations, "body", `has ${size} bytes as JSON, at most ${limits.eventPayloadBytes}`);
  }
  return { fields, isComplete: true, violations };
}

/**
 * What is kept of a Struct: its JSON. A number that may not be the one that was meant stands there as `~` and its
 * digits, or as `NaN`: whoever sends it again must mend it first.
 */
export function structText(value: JsonValue): string {
  return hasOnlyExact(value) ? JSON.stringify(value) : markedText(value);
}

function hasOnlyExact(value: JsonValue): boolean {
  if (typeof value === "number") return isExact(value);
  if (typeof value !== "object" || value === null) return true;
  return Object.values(value).every(hasOnlyExact);
}

function markedText(value: JsonValue): string {
  if (typeof value === "number" && !isExact(value)) {
    return Number.isFinite(value) ? `~${value}` : String(value);
  }
  if (Array.isArray(value)) return `[${value.map(markedText).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).map(
    ([key, each]) => `${JSON.stringify(key)}:${markedText(each)}`,
  );
  return `{${fields.join(",")}}`;
}

function isExact(value: number): boolean {
  return Math.abs(value) <= Number.MAX_SAFE_INTEGER;
}

function convertObject(
  violations: Findings<Violation>,
  place: Place | undefined,
  object: JsonObject,
  depth: number,
): Map<string, JsonNode> {
  const fields = new Map<string, JsonNode>();
  for (const [key, value] of Object.entries(object)) {
    checkKey(violations, place, key);
    fields.set(key, convertValue(violations, place, key, value, depth + 1));
  }
  return fields;
}

/** An object or array here has this depth. */
function convertValue(
  violations: Findings<Violation>,
  parent: Place | undefined,
  key: string | number,
  value: JsonValue,
  depth: number,
): JsonNode {
  if (typeof value === "string") {
    checkText(violations, parent, key, value);
    return value;
  }
  if (typeof value === "number") {
    checkDouble(violations, parent, key, value);
    return new JsonNumber(String(value));
  }
  if (typeof value !== "object" || value === null) return value;
  if (depth > limits.eventDepth) {
    refuse(violations, fieldPath(parent, key), `is nested deeper than ${limits.eventDepth} levels`);
    return null;
  }
  const place = { parent, key };
  if (!Array.isArray(value)) return convertObject(violations, place, value, depth);
  return value.map((each, at) => convertValue(violations, place, at, each, depth + 1));
}

/** A double that is the number that the client meant. */
function checkDouble(
  violations: Findings<Violation>,
  parent: Place | undefined,
  key: string | number,
  value: number,
): void {
  if (isExact(value) || !hasRoom(violations)) return;
  const reason = Number.isFinite(value)
    ? "beyond 2^53 - 1 a Struct may have changed its digits: send a string"
    : "JSON has no such number: send a string";
  refuse(violations, fieldPath(parent, key), `is ${value}: ${reason}`);
}
