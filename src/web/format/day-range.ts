/** Days as filters and requests have them: `2026-01-31`, in UTC. */
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";

const DAY_MS = 86_400_000;

/** When the day begins; undefined for what is no day. */
export function dayStart(day: string): Timestamp | undefined {
  const ms = dayMs(day);
  return ms === undefined ? undefined : timestampFromMs(ms);
}

/** When the day has ended: the beginning of the next one; undefined for what is no day. */
export function dayEnd(day: string): Timestamp | undefined {
  const ms = dayMs(day);
  return ms === undefined ? undefined : timestampFromMs(ms + DAY_MS);
}

/** Years before 1970 are days that are still being typed. */
function dayMs(day: string): number | undefined {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(day)) return undefined;
  const ms = Date.parse(`${day}T00:00:00Z`);
  return Number.isNaN(ms) || ms < 0 ? undefined : ms;
}
