/** Where a field is, as violations and warnings name it: `payload.amount`, `items[2]["unit price"]`. */
import { cutText, quote } from "../text.js";

/** An object or array within an event; the event itself is undefined. */
export interface Place {
  readonly parent: Place | undefined;
  readonly key: string | number;
}

/** The path of a field or element, cut to 200 bytes. */
export function fieldPath(parent: Place | undefined, key: string | number): string {
  if (parent === undefined && typeof key === "string" && IDENTIFIER.test(key)) return key;
  let path = "";
  for (let place: Place | undefined = { parent, key }; place !== undefined; place = place.parent) {
    path = step(place) + path;
  }
  return cutText(path, PATH_BYTES);
}

function step({ parent, key }: Place): string {
  if (typeof key === "number") return `[${key}]`;
  if (!IDENTIFIER.test(key)) return `[${quote(key)}]`;
  return parent === undefined ? key : `.${key}`;
}

/** What needs no quotes in a path. */
const IDENTIFIER = /^[A-Za-z_][\w-]{0,99}$/;
const PATH_BYTES = 200;
