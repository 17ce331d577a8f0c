/** JSON as it was sent: a number keeps its text, and no key of an object is special. */

/** A JSON value. */
export type JsonNode = string | boolean | null | JsonNumber | readonly JsonNode[] | JsonFields;

/** An object's fields in the order sent. A map: `__proto__` and `constructor` are keys like any other. */
export type JsonFields = ReadonlyMap<string, JsonNode>;

/** A number by its text, so that no digit is lost to a double. */
export class JsonNumber {
  constructor(readonly text: string) {}
}

/** Whether the value is an object. */
export function isFields(node: JsonNode): node is JsonFields {
  return node instanceof Map;
}

/** What a value is, as a message says it. */
export function kindOf(node: JsonNode): string {
  if (node === null) return "null";
  if (typeof node === "string") return "a string";
  if (typeof node === "boolean") return "a boolean";
  if (node instanceof JsonNumber) return "a number";
  return isFields(node) ? "an object" : "an array";
}
