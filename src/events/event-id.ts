/** Ids of events as clients see them: `evt_` and 32 lower-case hex digits, for the 16 bytes that are stored. */

const PREFIX = "evt_";
const EVENT_ID = /^evt_[0-9a-f]{32}$/;

/** The text of 16 bytes. */
export function formatEventId(id: Uint8Array): string {
  return PREFIX + Buffer.from(id.buffer, id.byteOffset, id.byteLength).toString("hex");
}

/** The bytes of an id; undefined for any other text. */
export function parseEventId(text: string): Buffer | undefined {
  return EVENT_ID.test(text) ? Buffer.from(text.slice(PREFIX.length), "hex") : undefined;
}
