/** What there is to do for the folded figures of a project, a step at a time. */
import { ensureFoldVersion } from "../../db/fold-version.js";
import { listTestsBehind } from "../../db/fold-windows.js";
import { purgeProjectAgain } from "../../db/purge.js";
import type { Queryable } from "../../db/queryable.js";
import { foldChunk } from "./fold-chunk.js";
import type { FoldAt, FoldOptions, FoldOutcome } from "./fold-outcome.js";
import { followRun } from "./follow-run.js";
import { moveWindowsOn } from "./move-windows.js";

/** Tests whose windows move on at once. */
const TESTS_PER_STEP = 2_000;

/**
 * Folds a chunk of the queue, after what is folded has followed runs whose facts have changed. Safe with several at
 * once, and when it ends at any point.
 */
export async function foldNext(
  db: Queryable,
  projectKey: string,
  options: FoldOptions,
): Promise<FoldOutcome> {
  const at = await foldAt(db, projectKey, options);
  if (at === null) {
    await purgeProjectAgain(db, projectKey);
    return "empty";
  }
  const followed = await followRun(db, projectKey, at);
  return followed === "empty" ? foldChunk(db, projectKey, at) : followed;
}

/** Moves windows that end before today on: figures of tests change by the mere passing of days. */
export async function moveNextWindows(
  db: Queryable,
  projectKey: string,
  options: FoldOptions,
): Promise<FoldOutcome> {
  const at = await foldAt(db, projectKey, options);
  if (at === null) return "empty";
  const behind = await listTestsBehind(db, projectKey, at.today, TESTS_PER_STEP);
  if (behind.length === 0) return "empty";
  return (await moveWindowsOn(db, projectKey, at, behind)) ? "folded" : "raced";
}

/** Null: the project is gone. */
async function foldAt(
  db: Queryable,
  projectKey: string,
  { deadlineAt, todayOf }: FoldOptions,
): Promise<FoldAt | null> {
  const read = await ensureFoldVersion(db, projectKey);
  return read === null ? null : { version: read.version, today: todayOf(read.today), deadlineAt };
}
