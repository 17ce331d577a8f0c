/** Reads a name: the client, the metric, a path, a user. */
import { exceeds } from "../text.js";
import { readDecimal } from "./decimal.js";
import { type JsonNode, JsonNumber } from "./json-tree.js";
import { type Reading, show } from "./reading.js";

/**
 * A name of up to `maxBytes` UTF-8 bytes: a text without the white space around it, else as sent, with no case
 * folding and no Unicode normalisation, since two names that look alike may be two. A number is its canonical
 * decimal text.
 */
export function readName(node: JsonNode, maxBytes: number): Reading<string> {
  if (node instanceof JsonNumber) return readNumericName(node);
  if (typeof node !== "string") return { fault: `${show(node)} is not a text` };
  const value = node.trim();
  if (value === "") return { fault: "is blank" };
  if (exceeds(value, maxBytes)) {
    return { fault: `has ${Buffer.byteLength(value)} bytes, at most ${maxBytes}` };
  }
  return { value };
}

function readNumericName(node: JsonNumber): Reading<string> {
  const reading = readDecimal(node.text) ?? { fault: "is not a number" };
  if ("fault" in reading) return { fault: `${show(node)} ${reading.fault}: send a string` };
  return { value: reading.value, assumed: `the number ${show(node)} was read as a text` };
}
