/** Reads an amount: an exact decimal number, however the client spells it. */
import { readDecimal } from "./decimal.js";
import { type JsonNode, JsonNumber } from "./json-tree.js";
import { type Reading, show } from "./reading.js";

/** The canonical text of a number, or of a text that is one. Commas may separate groups of three digits. */
export function readAmount(node: JsonNode): Reading<string> {
  if (node instanceof JsonNumber) return named(node, readDecimal(node.text));
  if (typeof node !== "string") return { fault: `${show(node)} is not a number` };
  const text = node.trim();
  if (!text.includes(",")) return named(node, readDecimal(text));
  if (!GROUPED.test(text)) return { fault: `${show(node)} is ambiguous: ${COMMA_ADVICE}` };
  const reading = named(node, readDecimal(text.replaceAll(",", "")));
  if (!("value" in reading)) return reading;
  return { value: reading.value, assumed: `${show(node)} was read as ${reading.value}` };
}

function named(node: JsonNode, reading: Reading<string> | undefined): Reading<string> {
  if (reading === undefined) return { fault: `${show(node)} is not a number` };
  return "fault" in reading ? { fault: `${show(node)} ${reading.fault}` } : reading;
}

/** A group of three after a single zero could be a fraction with a decimal comma. */
const GROUPED = /^[+-]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d*)?$/;
const COMMA_ADVICE = "a comma separates groups of three digits, a point begins the fraction";
