/** Runs: the facts that the first write fixes, and their life from first traffic to tombstone. */
import { limits } from "../limits.js";
import { DRAWN_KEY } from "./fold-queue.js";
import { PROJECT_LIVES, RUN_LIVES } from "./living-run.js";
import { microsOf, timeOf } from "./micros.js";
import type { Queryable } from "./queryable.js";
import { type PartRow, partParams } from "./run-parts.js";

/** Text facts of a run, by column. '' is absent. */
export const RUN_TEXTS = [
  "repository_url",
  "commit_sha",
  "tree_sha",
  "branch",
  "base_branch",
  "change_id",
  "ci_provider",
  "ci_pipeline",
  "ci_build_id",
  "ci_build_url",
  "framework",
] as const;
export type RunText = (typeof RUN_TEXTS)[number];

/** What a client says of a run, or what is stored of it. */
export interface RunFacts {
  readonly texts: Readonly<Record<RunText, string>>;
  readonly dirty: boolean;
  readonly labels: Readonly<Record<string, string>>;
  /** Microseconds since the epoch. */
  readonly startUs: number;
  /** A client said so; otherwise it is derived, and no part of the repeat check. */
  readonly startGiven: boolean;
}

export interface StoredRun extends RunFacts {
  readonly runKey: string;
  /** ISO date: the UTC day it was first stored. */
  readonly runDay: string;
  /** 63 random bits of the call that stored it. */
  readonly openKey: string;
  readonly deleted: boolean;
  readonly expired: boolean;
}

/** Stores a new run with its first part. Null if the run_id is taken, or the project is gone. */
export async function insertRun(
  db: Queryable,
  projectKey: string,
  runId: string,
  openKey: string,
  facts: RunFacts,
  part: PartRow,
  deadlineAt: number,
): Promise<{ runKey: string; runDay: string } | null> {
  const [row] = await db.query<{ run_key: string; run_day: string }>(
    INSERT_RUN,
    [projectKey, runId, ...factParams(facts), ...partParams(part), openKey],
    { deadlineAt },
  );
  return row === undefined ? null : { runKey: row.run_key, runDay: row.run_day };
}

/** The run as it is stored, tombstones too; null if the project has none of this id, or is deleted. */
export async function readRun(
  db: Queryable,
  projectKey: string,
  runId: string,
  deadlineAt: number,
): Promise<StoredRun | null> {
  const [row] = await db.query<RunColumns>(READ_RUN, [projectKey, runId], { deadlineAt });
  return row === undefined ? null : toStoredRun(row);
}

/**
 * Fills what is absent, adds labels by their keys while there is room, and answers what is stored then; nothing that is
 * stored changes. Null if the run is deleted or expired.
 */
export async function mergeRun(
  db: Queryable,
  projectKey: string,
  runId: string,
  facts: RunFacts,
  deadlineAt: number,
): Promise<StoredRun | null> {
  const [row] = await db.query<RunColumns>(MERGE_RUN, [projectKey, runId, ...factParams(facts)], {
    deadlineAt,
  });
  return row === undefined ? null : toStoredRun(row);
}

/** Turns a run into a tombstone; its rows follow in the background. False if there is none. */
export async function deleteRun(
  db: Queryable,
  projectKey: string,
  runId: string,
  deadlineAt: number,
): Promise<boolean> {
  const rows = await db.query(DELETE_RUN, [projectKey, runId], { deadlineAt });
  return rows.length > 0;
}

type RunColumns = Record<RunText, string> & {
  run_key: string;
  run_day: string;
  open_key: string;
  dirty: boolean;
  labels: Record<string, string>;
  start_us: string;
  start_given: boolean;
  deleted: boolean;
  expired: boolean;
};

function toStoredRun(row: RunColumns): StoredRun {
  return {
    runKey: row.run_key,
    runDay: row.run_day,
    openKey: row.open_key,
    texts: row,
    dirty: row.dirty,
    labels: row.labels,
    startUs: Number(row.start_us),
    startGiven: row.start_given,
    deleted: row.deleted,
    expired: row.expired,
  };
}

function factParams(facts: RunFacts) {
  return [
    ...RUN_TEXTS.map((column) => facts.texts[column]),
    facts.dirty,
    JSON.stringify(facts.labels),
    facts.startUs,
    facts.startGiven,
  ];
}

const FACT_AT = 3;
const DIRTY_AT = FACT_AT + RUN_TEXTS.length;
const PART_AT = DIRTY_AT + 4;
const texts = (each: (column: RunText, param: string) => string) =>
  RUN_TEXTS.map((column, i) => each(column, `$${FACT_AT + i}::text`)).join(", ");
const DIRTY = `$${DIRTY_AT}::boolean`;
const LABELS = `$${DIRTY_AT + 1}::text::jsonb`;
const START = timeOf(`$${DIRTY_AT + 2}`);
const START_GIVEN = `$${DIRTY_AT + 3}::boolean`;

const STORED = `
  run_key, run_day::text, open_key, ${RUN_TEXTS.join(", ")}, dirty, labels, ${microsOf("started_at")} AS start_us,
  start_given, deleted_at IS NOT NULL AS deleted, expired_at IS NOT NULL AS expired`;

const INSERT_RUN = `
WITH run AS (
  INSERT INTO runs (
    project_key, run_id, run_day, open_key, ${RUN_TEXTS.join(", ")}, dirty, labels, started_at, start_given
  )
  SELECT
    $1, $2, (now() AT TIME ZONE 'UTC')::date, $${PART_AT + 7}::bigint, ${texts((_, param) => param)}, ${DIRTY}, ${LABELS},
    ${START}, ${START_GIVEN}
  FROM projects
  WHERE project_key = $1 AND deleted_at IS NULL
  ON CONFLICT (project_key, run_id) DO NOTHING
  RETURNING run_key, run_day
),
part AS (
  INSERT INTO run_parts (
    project_key, run_key, part_id, job, attempt, shard_index, shard_total, producer, streamed
  )
  SELECT
    $1, run_key, $${PART_AT}::bytea, $${PART_AT + 1}::text, $${PART_AT + 2}::int, $${PART_AT + 3}::int,
    $${PART_AT + 4}::int, $${PART_AT + 5}::text, $${PART_AT + 6}::boolean
  FROM run
)
SELECT run_key, run_day::text FROM run`;

const READ_RUN = `
SELECT ${STORED}
FROM runs
WHERE project_key = $1 AND run_id = $2
  AND ${PROJECT_LIVES}`;

// A given start replaces a derived one; of derived ones the earliest stays. What is folded of a run whose time, branch
// or code changes has to follow: it is locked first, so that what it was before is what it was last.
const MERGE_RUN = `
WITH before AS (
  SELECT
    run_key AS merged_key, counted_at AS old_counted_at, branch AS old_branch, commit_sha AS old_commit_sha,
    tree_sha AS old_tree_sha, dirty AS old_dirty
  FROM runs
  WHERE project_key = $1 AND run_id = $2 AND ${RUN_LIVES}
  FOR UPDATE
),
merged AS (
  UPDATE runs
  SET
    ${texts((column, param) => `${column} = COALESCE(NULLIF(${column}, ''), ${param})`)},
    dirty = dirty OR ${DIRTY},
    labels = labels || COALESCE((
      SELECT jsonb_object_agg(key, value)
      FROM (
        SELECT key, value
        FROM jsonb_each(${LABELS})
        WHERE NOT labels ? key
        ORDER BY key COLLATE "C"
        LIMIT GREATEST(0, ${limits.mapEntries} - (SELECT count(*) FROM jsonb_object_keys(labels)))
      ) AS fitting
    ), '{}'),
    started_at = CASE
      WHEN start_given THEN started_at
      WHEN ${START_GIVEN} THEN ${START}
      ELSE LEAST(started_at, ${START})
    END,
    start_given = start_given OR ${START_GIVEN}
  FROM before
  WHERE project_key = $1 AND run_key = merged_key AND ${RUN_LIVES}
  RETURNING
    ${STORED},
    (counted_at, branch, commit_sha, tree_sha, dirty)
      <> (old_counted_at, old_branch, old_commit_sha, old_tree_sha, old_dirty) AS moves
),
queue AS (
  INSERT INTO fold_queue (project_key, run_key, batch_key, test_keys, statuses, durations, weight)
  SELECT $1, run_key, ${DRAWN_KEY}, '{}', '{}', '{}', 0
  FROM merged
  WHERE moves
)
SELECT
  run_key, run_day, open_key, ${RUN_TEXTS.join(", ")}, dirty, labels, start_us, start_given, deleted, expired
FROM merged`;

const DELETE_RUN = `
WITH gone AS (
  UPDATE runs
  SET deleted_at = now(), unsettled_at = NULL
  WHERE project_key = $1 AND run_id = $2 AND deleted_at IS NULL
)
SELECT run_key FROM runs WHERE project_key = $1 AND run_id = $2`;
