import { useAtTop } from "./use-at-top.js";

/**
 * Options of a list that is asked for anew every minute while the tab is in sight. Its order may change, so it waits while the
 * reader is further down, or `isReading` what was opened: what is read does not move.
 */
export function useKeptUp(isReading = false): {
  readonly refetchInterval: number | false;
  readonly refetchOnWindowFocus: boolean;
} {
  const isFree = useAtTop() && !isReading;
  return { refetchInterval: isFree && EVERY_MS, refetchOnWindowFocus: isFree };
}

const EVERY_MS = 60_000;
