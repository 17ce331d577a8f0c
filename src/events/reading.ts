/** What a field's value was read as. */
import { quote } from "../text.js";
import { type JsonNode, JsonNumber, kindOf } from "./json-tree.js";

/** The value that a rule reads, or why it cannot. */
export type Reading<T> =
  | {
      readonly value: T;
      /** What was assumed, if the client may have meant something else. */
      readonly assumed?: string;
    }
  | { readonly fault: string };

/** A value as a message shows it: short texts and numbers themselves, anything else by its kind. */
export function show(node: JsonNode): string {
  if (typeof node === "string") return quote(node);
  if (node instanceof JsonNumber) {
    return node.text.length > 80 ? `${node.text.slice(0, 80)}…` : node.text;
  }
  return typeof node === "boolean" ? String(node) : kindOf(node);
}
