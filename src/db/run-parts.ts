/** Parts of runs: one per producer, with the facts of its first finish. */
import { limits } from "../limits.js";
import { RUN_LIVES } from "./living-run.js";
import { microsOf, readMicros, timeOf } from "./micros.js";
import type { Param, Queryable } from "./queryable.js";

export interface PartRow {
  /** 16 bytes. */
  readonly partId: Uint8Array;
  readonly job: string;
  readonly attempt: number;
  readonly shardIndex: number;
  readonly shardTotal: number;
  readonly producer: string;
  /** A stream opened it: only a finish frame completes it. */
  readonly streamed: boolean;
}

/** The parameters of a part, in the order of the columns. */
export function partParams(part: PartRow): Param[] {
  return [
    part.partId,
    part.job,
    part.attempt,
    part.shardIndex,
    part.shardTotal,
    part.producer,
    part.streamed,
  ];
}

/**
 * Makes sure that the part is stored, and answers the shard total that stands. A part that is new makes its
 * run unsettled. "full" if the run has as many parts as it may and this is none of them; it may have more than that by
 * as many as were added at once. Null if the run is deleted or expired: it takes no part.
 */
export async function addPart(
  db: Queryable,
  projectKey: string,
  runKey: string,
  part: PartRow,
  deadlineAt: number,
): Promise<{ shardTotal: number; added: boolean } | "full" | null> {
  for (;;) {
    const [row] = await db.query<{ shard_total: number | null; added: boolean; full: boolean }>(
      ADD_PART,
      [projectKey, runKey, ...partParams(part)],
      { deadlineAt },
    );
    if (row === undefined) return null;
    if (row.full) return "full";
    // Null: another statement stored it after this one's snapshot; the next one sees it.
    if (row.shard_total !== null) return { shardTotal: row.shard_total, added: row.added };
  }
}

/** How a part ended. */
export interface PartFinish {
  /** Null: derived from its results. */
  readonly status: number | null;
  /** Microseconds since the epoch; null: the time of receipt. */
  readonly finishUs: number | null;
  readonly durationUs: number | null;
  readonly expectedCount: number | null;
}

export interface FinishedPart extends PartFinish {
  /** This call finished it. */
  readonly first: boolean;
  /** Of the same job, attempt and shard: some of them, in order. */
  readonly otherProducers: readonly string[];
}

/**
 * Finishes a part, once; a repeat answers the facts of the first. Null if the part or its run is not there
 * any more.
 */
export async function finishPart(
  db: Queryable,
  projectKey: string,
  runKey: string,
  partId: Uint8Array,
  finish: PartFinish,
  deadlineAt: number,
): Promise<FinishedPart | null> {
  for (;;) {
    const [row] = await db.query<FinishColumns>(
      FINISH_PART,
      [
        projectKey,
        runKey,
        partId,
        finish.status,
        finish.finishUs,
        finish.durationUs,
        finish.expectedCount,
      ],
      { deadlineAt },
    );
    if (row === undefined) return null;
    // Not finished and not finished by us: another statement did after this one's snapshot.
    if (!row.finished) continue;
    return {
      first: row.first,
      status: row.finish_status,
      finishUs: readMicros(row.finish_us),
      durationUs: readMicros(row.duration_us),
      expectedCount: readMicros(row.expected_count),
      otherProducers: JSON.parse(row.other_producers) as string[],
    };
  }
}

interface FinishColumns {
  first: boolean;
  finished: boolean;
  finish_status: number | null;
  finish_us: string | null;
  duration_us: string | null;
  expected_count: string | null;
  other_producers: string;
}

// Each part but the first has raised state_version: a run of a low one has room, and only parts of the others are
// counted, by run_parts_pkey (4 ms with 20,000).
const ADD_PART = `
WITH live AS MATERIALIZED (
  SELECT run_key, state_version
  FROM runs
  WHERE project_key = $1 AND run_key = $2 AND ${RUN_LIVES}
),
room AS MATERIALIZED (
  SELECT run_key
  FROM live
  WHERE CASE
    WHEN state_version < ${limits.runParts - 1} THEN true
    WHEN EXISTS (SELECT FROM run_parts WHERE project_key = $1 AND run_key = $2 AND part_id = $3) THEN true
    ELSE ${limits.runParts} > (
      SELECT count(*)
      FROM (SELECT FROM run_parts WHERE project_key = $1 AND run_key = $2 LIMIT ${limits.runParts}) AS stored
    )
  END
),
added AS (
  INSERT INTO run_parts AS p (
    project_key, run_key, part_id, job, attempt, shard_index, shard_total, producer, streamed
  )
  SELECT $1, run_key, $3::bytea, $4::text, $5::int, $6::int, $7::int, $8::text, $9::boolean
  FROM room
  ON CONFLICT (project_key, run_key, part_id)
    DO UPDATE SET streamed = true WHERE EXCLUDED.streamed AND NOT p.streamed
  RETURNING shard_total
),
unsettled AS (
  UPDATE runs
  SET state_version = state_version + 1, unsettled_at = now(), abandoned_at = NULL
  WHERE project_key = $1 AND run_key = $2 AND EXISTS (SELECT FROM added)
)
SELECT
  COALESCE(
    (SELECT shard_total FROM added),
    (SELECT shard_total FROM run_parts WHERE project_key = $1 AND run_key = $2 AND part_id = $3)
  ) AS shard_total,
  EXISTS (SELECT FROM added) AS added,
  NOT EXISTS (SELECT FROM room) AS "full"
FROM live`;

// A repeated finish unsettles the run too: results that its sender stored before may have missed the first one.
// run_parts.finish_time is null where the client gave none: finished_at is the time of receipt.
const FINISH_PART = `
WITH ended AS (
  UPDATE run_parts
  SET
    finished_at = now(),
    finish_status = $4::smallint,
    finish_time = ${timeOf("$5")},
    duration_us = $6::bigint,
    expected_count = $7::bigint
  WHERE project_key = $1 AND run_key = $2 AND part_id = $3 AND finished_at IS NULL
    AND EXISTS (
      SELECT FROM runs
      WHERE project_key = $1 AND run_key = $2 AND ${RUN_LIVES}
    )
  RETURNING part_id, finished_at, finish_status, finish_time, duration_us, expected_count
),
unsettled AS (
  UPDATE runs
  SET state_version = state_version + 1, unsettled_at = now(), abandoned_at = CASE WHEN again THEN abandoned_at END
  FROM (
    SELECT false AS again FROM ended
    UNION ALL
    SELECT true FROM run_parts
    WHERE project_key = $1 AND run_key = $2 AND part_id = $3 AND finished_at IS NOT NULL
  ) AS finished
  WHERE project_key = $1 AND run_key = $2 AND ${RUN_LIVES}
)
SELECT
  first, finished_at IS NOT NULL AS finished, finish_status, ${microsOf("finish_time")} AS finish_us,
  duration_us, expected_count,
  array_to_json(ARRAY(
    SELECT other.producer
    FROM run_parts part
    JOIN run_parts other USING (project_key, run_key, job, attempt, shard_index, shard_total)
    WHERE part.project_key = $1 AND part.run_key = $2 AND part.part_id = $3 AND other.part_id <> $3
    ORDER BY other.producer
    LIMIT ${limits.otherProducers}
  ))::text AS other_producers
FROM (
  SELECT true AS first, finished_at, finish_status, finish_time, duration_us, expected_count FROM ended
  UNION ALL
  SELECT false, p.finished_at, p.finish_status, p.finish_time, p.duration_us, p.expected_count
  FROM run_parts p
  JOIN runs r ON r.project_key = p.project_key AND r.run_key = p.run_key
  WHERE p.project_key = $1 AND p.run_key = $2 AND p.part_id = $3
    AND ${RUN_LIVES}
    AND NOT EXISTS (SELECT FROM ended)
) facts`;
