/**
 * Reads the JSON of one event exactly: numbers keep their text, and what readers of JSON disagree about is
 * refused. Not by lossless-json: it takes repeated keys with equal values and halves of surrogate pairs,
 * overflows the stack at deep nesting and says no line, and an event of 200 bytes costs it 6 to 14 µs.
 */
import type { Violation } from "../errors.js";
import { limits } from "../limits.js";
import { checkKey, checkText } from "./check-text.js";
import { decodeJson } from "./decode-json.js";
import { fieldPath, type Place } from "./field-path.js";
import { type Findings, hasRoom, noViolations, refuse } from "./findings.js";
import {
  type Cursor,
  position,
  QUOTE,
  readNumber,
  readString,
  readWord,
  SyntaxFault,
  skipSpace,
  take,
  unexpected,
} from "./json-scanner.js";
import { isFields, type JsonFields, type JsonNode, kindOf } from "./json-tree.js";

/** What could be read of an event, and what is wrong with it as JSON. */
export interface ParsedEvent {
  /** Of an event that is not complete, those before the fault. */
  readonly fields: JsonFields;
  /** Whether it is a JSON object to its end. */
  readonly isComplete: boolean;
  readonly violations: Findings<Violation>;
}

/** The fields of an event. A syntax fault ends the reading; other faults are named all at once. */
export function parseEvent(bytes: Uint8Array): ParsedEvent {
  const fields = new Map<string, JsonNode>();
  const violations = noViolations();
  const text = decodeJson(bytes);
  if (typeof text !== "string") {
    violations.list.push(text);
    return { fields, isComplete: false, violations };
  }
  let isComplete = false;
  try {
    isComplete = readEvent({ text, at: 0, event: fields, violations });
  } catch (error) {
    if (!(error instanceof SyntaxFault)) throw error;
    refuse(violations, "body", `${position(text, error.at)}: ${error.message}`);
  }
  return { fields, isComplete, violations };
}

interface Reader extends Cursor {
  /** The fields of the event, as far as it is read. */
  readonly event: Map<string, JsonNode>;
  readonly violations: Findings<Violation>;
}

/** Whether the whole text is an object. */
function readEvent(reader: Reader): boolean {
  const node = readNode(reader, undefined, "body", 1);
  skipSpace(reader);
  if (reader.at < reader.text.length) throw unexpected(reader, "the end of the event");
  if (isFields(node)) return true;
  refuse(reader.violations, "body", `an event is a JSON object, got ${kindOf(node)}`);
  return false;
}

/** The value of a field or element. An object or array here has this depth; the event itself has 1. */
function readNode(
  reader: Reader,
  parent: Place | undefined,
  key: string | number,
  depth: number,
): JsonNode {
  skipSpace(reader);
  switch (reader.text.charCodeAt(reader.at)) {
    case QUOTE: {
      const start = reader.at;
      const text = readString(reader);
      // Only escapes can make what is no valid text, and they are longer than what they stand for.
      if (reader.at - start - 2 !== text.length) checkText(reader.violations, parent, key, text);
      return text;
    }
    case OPEN_BRACE:
      checkDepth(reader, depth);
      return depth === 1
        ? readObject(reader, undefined, reader.event, 2)
        : readObject(reader, { parent, key }, new Map(), depth + 1);
    case OPEN_BRACKET:
      checkDepth(reader, depth);
      return readArray(reader, { parent, key }, depth + 1);
    case LOWER_T:
      return readWord(reader, "true", true);
    case LOWER_F:
      return readWord(reader, "false", false);
    case LOWER_N:
      return readWord(reader, "null", null);
    default:
      return readNumber(reader);
  }
}

/** Before the call that reads deeper, so that the stack is bounded too. */
function checkDepth(reader: Reader, depth: number): void {
  if (depth <= limits.eventDepth) return;
  throw new SyntaxFault(reader.at, `is nested deeper than ${limits.eventDepth} levels`);
}

function readObject(
  reader: Reader,
  place: Place | undefined,
  fields: Map<string, JsonNode>,
  depth: number,
): JsonFields {
  reader.at++;
  if (take(reader, CLOSE_BRACE)) return fields;
  do {
    skipSpace(reader);
    const start = reader.at;
    if (reader.text.charCodeAt(start) !== QUOTE) throw unexpected(reader, "a key in double quotes");
    const key = readString(reader);
    checkKey(reader.violations, place, key);
    if (!take(reader, COLON)) throw unexpected(reader, '":" after the key');
    const { size } = fields;
    fields.set(key, readNode(reader, place, key, depth));
    if (fields.size === size && hasRoom(reader.violations)) {
      const description = `occurs twice, again at ${position(reader.text, start)}`;
      reader.violations.list.push({ field: fieldPath(place, key), description });
    }
  } while (take(reader, COMMA));
  if (!take(reader, CLOSE_BRACE)) throw unexpected(reader, '"," or "}"');
  return fields;
}

function readArray(reader: Reader, place: Place, depth: number): JsonNode[] {
  reader.at++;
  const nodes: JsonNode[] = [];
  if (take(reader, CLOSE_BRACKET)) return nodes;
  do nodes.push(readNode(reader, place, nodes.length, depth));
  while (take(reader, COMMA));
  if (!take(reader, CLOSE_BRACKET)) throw unexpected(reader, '"," or "]"');
  return nodes;
}

const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const COLON = 0x3a;
const COMMA = 0x2c;
const LOWER_T = 0x74;
const LOWER_F = 0x66;
const LOWER_N = 0x6e;
