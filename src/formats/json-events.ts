/** A JSON file as events: the elements of the array that it is, or the one value that it is. */
import { type EventItem, eventItem, isBlank, MAX_EVENT_BYTES } from "./event-item.js";
import { createPieces } from "./pieces.js";

export interface JsonEvents {
  /** What these bytes complete. */
  write(chunk: Uint8Array): Generator<EventItem>;
  /** What the end of the file completes, or what it cuts off. */
  end(): EventItem[];
}

/**
 * Tells strings and brackets apart and judges nothing else: whoever reads the events finds what is wrong in them.
 * An element is its bytes without the blanks around it; a single value is the whole file.
 */
export function createJsonEvents(): JsonEvents {
  const pieces = createPieces(MAX_EVENT_BYTES);
  let state: "before" | "single" | "array" | "after" | "done" = "before";
  let line = 1;
  /** Where the element or value begins that is being read; 0 for none. */
  let beginLine = 0;
  /** Brackets that are open inside the element. */
  let depth = 0;
  let inString = false;
  let escaped = false;
  let afterComma = false;

  /** Passes the blanks before the value; where the elements begin if it is an array. */
  function enter(chunk: Uint8Array): number {
    for (const [at, byte] of chunk.entries()) {
      if (byte === LF) line++;
      if (isBlank(byte)) continue;
      if (byte === OPEN_BRACKET) {
        state = "array";
        pieces.take();
        return at + 1;
      }
      state = "single";
      beginLine = line;
      break;
    }
    return 0;
  }

  function endElement(piece: Uint8Array): EventItem {
    pieces.add(piece);
    const item = eventItem(beginLine, trimEnd(pieces.take()));
    beginLine = 0;
    return item;
  }

  /** Between elements: what the byte says, and whether an element begins with it. */
  function* between(byte: number): Generator<EventItem, boolean> {
    if (isBlank(byte)) return false;
    const ends = byte === CLOSE_BRACKET;
    if (byte === COMMA || (ends && afterComma)) yield problem(line, "a value is missing");
    if (ends) state = "after";
    if (ends || byte === COMMA) return false;
    beginLine = line;
    return true;
  }

  /** Inside an element: whether it ends before this byte. */
  function endsBefore(byte: number): boolean {
    if (inString) {
      if (escaped) escaped = false;
      else if (byte === BACKSLASH) escaped = true;
      else if (byte === QUOTE) inString = false;
      return false;
    }
    if (byte === QUOTE) inString = true;
    else if (byte === OPEN_BRACKET || byte === OPEN_BRACE) depth++;
    else if (byte === COMMA) return depth === 0;
    else if (byte === CLOSE_BRACKET && depth === 0) return true;
    else if ((byte === CLOSE_BRACKET || byte === CLOSE_BRACE) && depth > 0) depth--;
    return false;
  }

  function* readArray(chunk: Uint8Array, start: number): Generator<EventItem> {
    let from = start;
    for (let at = start; at < chunk.length; at++) {
      const byte = chunk[at] ?? 0;
      if (byte === LF) line++;
      if (state === "after" && !isBlank(byte)) {
        state = "done";
        yield problem(line, "something follows the array");
      }
      if (state !== "array") continue;
      if (beginLine === 0) {
        if (!(yield* between(byte))) continue;
        from = at;
      }
      if (!endsBefore(byte)) continue;
      yield endElement(chunk.subarray(from, at));
      afterComma = byte === COMMA;
      if (!afterComma) state = "after";
    }
    if (beginLine > 0) pieces.add(chunk.subarray(from));
  }

  return {
    *write(chunk) {
      const start = state === "before" ? enter(chunk) : 0;
      if (state === "before" || state === "single") pieces.add(chunk);
      else yield* readArray(chunk, start);
    },
    end() {
      if (state === "before") return [problem(line, "there is no JSON in it")];
      if (state === "single") return [eventItem(beginLine, pieces.take())];
      if (state !== "array") return [];
      const where = beginLine === 0 ? "" : ` inside the event of line ${beginLine}`;
      return [problem(line, `the array is cut off${where}`)];
    },
  };
}

function problem(line: number, message: string): EventItem {
  return { kind: "problem", line, message };
}

function trimEnd(bytes: Uint8Array | null): Uint8Array | null {
  if (bytes === null) return null;
  let end = bytes.length;
  while (end > 0 && isBlank(bytes[end - 1] ?? 0)) end--;
  return bytes.subarray(0, end);
}

const LF = 0x0a;
const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
