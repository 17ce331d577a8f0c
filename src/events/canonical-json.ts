/** JSON as it is compared and kept: sorted keys, no white space, numbers as they were sent. */
import { isFields, type JsonFields, type JsonNode, JsonNumber } from "./json-tree.js";

/** The JSON of a value; keys are in the order of their UTF-16 units. */
export function canonicalJson(node: JsonNode): string {
  if (typeof node === "string") return JSON.stringify(node);
  if (node === null || typeof node === "boolean") return String(node);
  if (node instanceof JsonNumber) return node.text;
  if (isFields(node)) return objectJson(node);
  return `[${node.map(canonicalJson).join(",")}]`;
}

function objectJson(fields: JsonFields): string {
  if (fields.size === 0) return "{}";
  let json = "";
  for (const key of [...fields.keys()].sort()) {
    const node = fields.get(key) ?? null;
    json += `${json === "" ? "{" : ","}${JSON.stringify(key)}:${canonicalJson(node)}`;
  }
  return `${json}}`;
}
