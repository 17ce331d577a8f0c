/** Names that are cut stay different. */
import { createHash } from "node:crypto";
import { cutText, exceeds } from "../text.js";

/**
 * The text within `maxBytes`, still telling different texts apart: a cut one ends in `…` and 16 hex digits
 * of the SHA-256 of the whole. For the parts of a test's identity, which the server never cuts.
 */
export function cutIdentity(text: string, maxBytes: number): string {
  if (!exceeds(text, maxBytes)) return text;
  const digest = createHash("sha256").update(text).digest("hex").slice(0, 16);
  return `${cutText(text, maxBytes - Buffer.byteLength(`…${digest}`))}…${digest}`;
}
