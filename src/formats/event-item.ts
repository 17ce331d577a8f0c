/** What is found in a file of events. */
import { limits } from "../limits.js";

/** An event, or something that cannot be sent; the rest of the file follows all the same. */
export type EventItem =
  | { readonly kind: "event"; readonly line: number; readonly bytes: Uint8Array }
  | { readonly kind: "problem"; readonly line: number; readonly message: string };

/** The longest event that fits in a message, with room for what is around it. */
export const MAX_EVENT_BYTES = limits.messageBytes - 1024;

/** The event of these bytes, or that it is too long, which null stands for. */
export function eventItem(line: number, bytes: Uint8Array | null): EventItem {
  if (bytes !== null) return { kind: "event", line, bytes };
  const message = `the event is longer than ${MAX_EVENT_BYTES} bytes, which no message holds`;
  return { kind: "problem", line, message };
}

/** Whether JSON allows the byte between values. */
export function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0d || byte === 0x0a;
}
