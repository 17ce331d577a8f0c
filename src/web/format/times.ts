/** Times and durations as people read them. */
import type { Duration, Timestamp } from "@bufbuild/protobuf/wkt";

/** Milliseconds of a time; undefined stays so. */
export function millisOf(time: Timestamp | undefined): number | undefined {
  return time === undefined ? undefined : Number(time.seconds) * 1000 + time.nanos / 1e6;
}

/** Milliseconds of a duration; undefined stays so. */
export function durationMs(duration: Duration | undefined): number | undefined {
  return duration === undefined
    ? undefined
    : Number(duration.seconds) * 1000 + duration.nanos / 1e6;
}

/** `850 ms`, `1.4 s`, `2 m 5 s`, `1 h 3 m`, `2 d 4 h`; a dash for nothing. */
export function formatDuration(ms: number | undefined): string {
  if (ms === undefined) return "–";
  if (ms < 1) return ms === 0 ? "0 ms" : "< 1 ms";
  if (ms < 1000) return `${Math.min(999, Math.round(ms))} ms`;
  if (ms < 60_000) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`;
  const seconds = Math.floor(ms / 1000);
  for (const [unit, size, part, partSize] of UNITS) {
    if (seconds < size) continue;
    const rest = Math.floor((seconds % size) / partSize);
    return rest === 0
      ? `${Math.floor(seconds / size)} ${unit}`
      : `${Math.floor(seconds / size)} ${unit} ${rest} ${part}`;
  }
  return `${seconds} s`;
}

const UNITS = [
  ["d", 86_400, "h", 3600],
  ["h", 3600, "m", 60],
  ["m", 60, "s", 1],
] as const;

/** `just now`, `5 m ago`, `3 h ago`, `in 2 d`. */
export function formatAgo(ms: number, nowMs: number): string {
  const gone = nowMs - ms;
  if (Math.abs(gone) < 10_000) return "just now";
  const size = Math.abs(gone);
  const text =
    size < 60_000
      ? `${Math.floor(size / 1000)} s`
      : size < 3_600_000
        ? `${Math.floor(size / 60_000)} m`
        : size < 86_400_000
          ? `${Math.floor(size / 3_600_000)} h`
          : `${Math.floor(size / 86_400_000)} d`;
  return gone > 0 ? `${text} ago` : `in ${text}`;
}

const full = new Intl.DateTimeFormat("en-GB", {
  dateStyle: "medium",
  timeStyle: "medium",
  hourCycle: "h23",
});

/** The whole time in the reader's zone. */
export function formatTime(ms: number): string {
  return full.format(ms);
}

const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });

/** `21 Nov`, of a UTC day. */
export function formatDay(ms: number): string {
  return day.format(ms);
}
