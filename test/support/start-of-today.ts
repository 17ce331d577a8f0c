import { setTimeout as sleep } from "node:timers/promises";

const DAY_MS = 24 * 3_600_000;
/** Longer than a file of tests takes on a loaded machine. */
const TEST_FILE_MS = 90_000;

/**
 * Midnight of the present UTC day, in microseconds. A file of tests asks for it before its first test: it waits for the
 * next day where that is about to come, since figures of today would be those of yesterday in the middle of the file.
 */
export async function startOfToday(): Promise<number> {
  const leftMs = DAY_MS - (Date.now() % DAY_MS);
  // A timer may come a moment early.
  if (leftMs < TEST_FILE_MS) await sleep(leftMs + 100);
  return Math.floor(Date.now() / DAY_MS) * DAY_MS * 1000;
}
