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
  /** For each open bracket, the key of its object that is being read. */
  const keys: string[] = [];
  let skeleton = "";
  let element = "";
  let elementLine = 0;
  /** How many brackets are open around the elements; 0 while the array has not been reached. */
  let arrayDepth = 0;
  let line = 1;
  let inString = false;
  let escaped = false;
  let lastString = "";
  const elements: JsonElement[] = [];

  function endElement(): void {
    if (element.trim() !== "") {
      elements.push({ line: elementLine, text: element });
      skeleton += "0";
    }
    element = "";
  }

  /** Takes one character outside of strings; true if it belongs to the skeleton. */
  function structure(char: string): boolean {
    const isElement = arrayDepth > 0;
    switch (char) {
      case "{":
      case "[":
        keys.push("");
        if (char === "[" && arrayDepth === 0 && isPath(keys, path)) arrayDepth = keys.length;
        return !isElement;
      case "}":
      case "]":
        if (isElement && keys.length === arrayDepth) {
          endElement();
          arrayDepth = 0;
          keys.pop();
          return true;
        }
        keys.pop();
        return !isElement;
      case ",":
        if (!isElement || keys.length !== arrayDepth) return !isElement;
        endElement();
        return true;
      case ":":
        if (!isElement) keys.splice(-1, 1, lastString);
        return !isElement;
      default:
        return !isElement;
    }
  }

  function take(char: string): void {
    if (char === "\n") line++;
    let outside = arrayDepth === 0;
    if (inString) {
      if (escaped) escaped = false;
      else if (char === "\\") escaped = true;
      else if (char === '"') inString = false;
      if (inString && lastString.length < MAX_KEY_CHARACTERS) lastString += char;
    } else if (char === '"') {
      inString = true;
      lastString = "";
    } else {
      outside = structure(char);
    }
    if (outside) {
      skeleton += char;
    } else {
      if (element === "") {
        if (char.trim() === "") return;
        elementLine = line;
      }
      element += char;
    }
  }

  return {
    get line() {
      return line;
    },
    write(piece) {
      for (const char of piece) take(char);
      if (element.length > MAX_ELEMENT_CHARACTERS || skeleton.length > MAX_SKELETON_CHARACTERS) {
        throw new ReportDamage(line, 0, "a value is too long");
      }
      return elements.splice(0);
    },
    end() {
      if (inString || keys.length > 0) {
        const where =
          arrayDepth > 0 && element !== "" ? `, inside the test of line ${elementLine}` : "";
        throw new ReportDamage(line, 0, `the file is cut off${where}`);
      }
      return skeleton;
    },
  };
}

function isPath(keys: readonly string[], path: readonly string[]): boolean {
  return keys.length === path.length + 1 && path.every((key, index) => keys[index] === key);
}

const MAX_KEY_CHARACTERS = 1024;
const MAX_ELEMENT_CHARACTERS = 16 * 1024 * 1024;
const MAX_SKELETON_CHARACTERS = 16 * 1024 * 1024;
