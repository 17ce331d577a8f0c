/** A JSON file read as a skeleton and the elements of one array in it, each as its own text. */
import { ReportDamage } from "./report-item.js";

export interface JsonElement {
  /** Where it begins, from 1. */
  readonly line: number;
  readonly text: string;
}

export interface JsonSplitter {
  /** The elements that this piece completes. */
  write(piece: string): JsonElement[];
  /** The file without the elements. Throws ReportDamage if it is cut off. */
  end(): string;
  /** The line that has been reached. */
  readonly line: number;
}

/**
 * Splits off the elements of the array at `path`, a list of keys from the root. It tells strings and brackets
 * apart and judges nothing else: who parses the parts finds what is wrong in them. Memory is bounded by one
 * element of up to 16 Mi characters and the rest of the file of up to 16 Mi.
 */
export function createJsonSplitter(path: readonly string[]): JsonSplitter {
  /** For each open bracket outside of the elements, the key of its object that is being read. */
  const keys: string[] = [];
  let skeleton = "";
  let isArray = false;
  let element = "";
  /** Where the element begins; 0 between elements. */
  let elementLine = 0;
  /** Brackets that are open inside the element. */
  let depth = 0;
  let afterComma = false;
  let line = 1;
  let inString = false;
  let escaped = false;
  let lastString = "";
  const elements: JsonElement[] = [];

  /** In a string: takes its end. `head` is what the piece has of it before this character. */
  function readString(code: number, head: () => string): void {
    if (escaped) escaped = false;
    else if (code === BACKSLASH) escaped = true;
    else if (code === QUOTE) {
      inString = false;
      if (!isArray) readKeyOn(head());
    }
  }

  function readKeyOn(text: string): void {
    lastString = (lastString + text).slice(0, MAX_KEY_CHARACTERS);
  }

  /** Between elements or at an element's end: `text` is what the piece has of the element. */
  function endElement(code: number, text: string): void {
    const isComma = code === COMMA;
    if (elementLine > 0) elements.push({ line: elementLine, text: element + text });
    // Elements leave nothing behind, so what is missing must: who parses the skeleton finds it.
    else if (isComma || afterComma) skeleton += ",";
    element = "";
    elementLine = 0;
    afterComma = isComma;
    isArray = isComma;
    if (!isComma) keys.pop();
  }

  /** Outside of strings: follows brackets and keys. True where the array begins. */
  function follow(code: number): boolean {
    if (code === QUOTE) {
      inString = true;
      lastString = "";
    } else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      if (isArray) depth++;
      else keys.push("");
      if (!isArray && code === OPEN_BRACKET && isPath(keys, path)) {
        isArray = true;
        afterComma = false;
        return true;
      }
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      if (isArray) depth--;
      else keys.pop();
    } else if (code === COLON && !isArray) {
      keys.splice(-1, 1, lastString);
    }
    return false;
  }

  function read(piece: string): void {
    /** What comes before it in the piece has been taken. */
    let from = 0;
    let stringFrom = 0;
    for (let at = 0; at < piece.length; at++) {
      const code = piece.charCodeAt(at);
      if (code === LF) line++;
      if (inString) {
        readString(code, () => piece.slice(stringFrom, at));
      } else if (isArray && depth === 0 && ENDS_ELEMENT.has(code)) {
        endElement(code, piece.slice(from, at));
        from = isArray ? at + 1 : at;
      } else if (!isArray || elementLine > 0 || !BLANKS.has(code)) {
        if (isArray && elementLine === 0) {
          elementLine = line;
          from = at;
        }
        stringFrom = at + 1;
        if (follow(code)) {
          skeleton += piece.slice(from, at + 1);
          from = at + 1;
        }
      }
    }
    if (inString && !isArray) readKeyOn(piece.slice(stringFrom));
    if (!isArray) skeleton += piece.slice(from);
    else if (elementLine > 0) element += piece.slice(from);
  }

  return {
    get line() {
      return line;
    },
    write(piece) {
      read(piece);
      if (element.length > MAX_ELEMENT_CHARACTERS || skeleton.length > MAX_SKELETON_CHARACTERS) {
        throw new ReportDamage(line, 0, "a value is too long");
      }
      return elements.splice(0);
    },
    end() {
      if (inString || keys.length > 0) {
        const where = elementLine > 0 ? `, inside the test of line ${elementLine}` : "";
        throw new ReportDamage(line, 0, `the file is cut off${where}`);
      }
      return skeleton;
    },
  };
}

function isPath(keys: readonly string[], path: readonly string[]): boolean {
  return keys.length === path.length + 1 && path.every((key, index) => keys[index] === key);
}

const LF = 0x0a;
const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const BLANKS: ReadonlySet<number> = new Set([0x20, 0x09, LF, 0x0d]);
/** A brace there is a mistake, which the parser of the skeleton finds. */
const ENDS_ELEMENT: ReadonlySet<number> = new Set([COMMA, CLOSE_BRACKET, CLOSE_BRACE]);
const MAX_KEY_CHARACTERS = 1024;
const MAX_ELEMENT_CHARACTERS = 16 * 1024 * 1024;
const MAX_SKELETON_CHARACTERS = 16 * 1024 * 1024;
