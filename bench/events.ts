/** The events that are sent: page views as a tracker sends them. */

/** Distinct clients, paths and users. */
const CLIENTS = 500;
const PATHS = 200;
const USERS = 20_000;

/** The JSON of an event; each number another one, some 150 bytes. */
export function eventJson(i: number): Uint8Array {
  const seconds = 1_760_000_000 + Math.floor(i / 10);
  return Buffer.from(
    `{"site_id":"site-${i % CLIENTS}","event_type":"page_view","path":"/page/${(i * 7) % PATHS}",` +
      `"user_id":"user-${(i * 31) % USERS}","timestamp":"${new Date(seconds * 1000 + (i % 10)).toISOString()}"}`,
  );
}
