/** What an attribute must not hold. */
import type { Violation } from "../errors.js";
import { limits } from "../limits.js";
import { fieldPath, type Place } from "./field-path.js";
import { type Findings, hasRoom, refuse } from "./findings.js";
import { isFields, type JsonNode, JsonNumber } from "./json-tree.js";
import { show } from "./reading.js";

/**
 * Numbers keep their text, but lie within a double's range and 1 KiB: what reads an attribute, be it Postgres
 * or a browser, then reads a number of that size.
 */
export function checkAttribute(
  violations: Findings<Violation>,
  parent: Place | undefined,
  key: string | number,
  node: JsonNode,
): void {
  if (node instanceof JsonNumber) {
    if (!hasDoubleRange(node.text) && hasRoom(violations)) {
      const description = `${show(node)} is too large, small or long a number: send a string`;
      refuse(violations, fieldPath(parent, key), description);
    }
  } else if (Array.isArray(node)) {
    const place = { parent, key };
    node.forEach((each, at) => {
      checkAttribute(violations, place, at, each);
    });
  } else if (typeof node === "object" && node !== null && isFields(node)) {
    const place = { parent, key };
    for (const [inner, each] of node) checkAttribute(violations, place, inner, each);
  }
}

function hasDoubleRange(text: string): boolean {
  if (text.length > limits.nameBytes) return false;
  const number = Number(text);
  return Number.isFinite(number) && (number !== 0 || !NON_ZERO.test(text));
}

/** A digit besides zero before the exponent. */
const NON_ZERO = /^[^eE]*[1-9]/;
