/** What the state of runs is derived from: the runs, their parts, their totals and the kept refusals. */
import { plainArray } from "./array-literal.js";
import { microsOf, readMicros } from "./micros.js";
import { type PartRecord, type PartValues, partList, toPart } from "./part-records.js";
import type { Queryable } from "./queryable.js";
import { RUN_TEXTS, type RunText } from "./runs.js";

/** What is shown of a run, but for what its parts tell. */
export interface ShownRun {
  readonly runKey: string;
  readonly runId: string;
  readonly texts: Readonly<Record<RunText, string>>;
  readonly dirty: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly startUs: number;
  readonly createUs: number;
  /** When its results left by retention; null while they are kept. */
  readonly expireUs: number | null;
}

export interface RunRecord extends ShownRun {
  /** FinishRun's facts; `closedUs` is its receipt. */
  readonly closedUs: number | null;
  readonly closedStatus: number | null;
  readonly closedExpectedCount: number | null;
  readonly closedFinishUs: number | null;
  /** A day went without traffic, and none came since. */
  readonly abandoned: boolean;
  readonly stateVersion: string;
  readonly settled: boolean;
  /** Of readRunSummaries: the status that is stored (0 is none), if it is the one that parts would give. */
  readonly storedStatus: number | null;
  /** It lacked tests when they were looked for last. */
  readonly lacksTests: boolean;
  readonly parts: readonly PartRecord[];
}

/** The records of living runs, in no order. Runs that are unknown or deleted are left out. */
export function readRunRecords(
  db: Queryable,
  projectKey: string,
  runKeys: readonly string[],
  deadlineAt: number,
): Promise<RunRecord[]> {
  return read(db, projectKey, runKeys, false, deadlineAt);
}

/**
 * The records that a list needs: of a run that has ended, the stored status is taken, and `hasFailed` and
 * `hasErrored` of its parts are not looked up. With 50 runs of 2,000 failures each that is 5 ms of the
 * database's processor time in place of 600.
 */
export function readRunSummaries(
  db: Queryable,
  projectKey: string,
  runKeys: readonly string[],
  deadlineAt: number,
): Promise<RunRecord[]> {
  return read(db, projectKey, runKeys, true, deadlineAt);
}

async function read(
  db: Queryable,
  projectKey: string,
  runKeys: readonly string[],
  takeStored: boolean,
  deadlineAt: number,
): Promise<RunRecord[]> {
  if (runKeys.length === 0) return [];
  const params = [projectKey, plainArray(runKeys), takeStored];
  const rows = await db.query<RecordColumns>(READ, params, { deadlineAt });
  return rows.map(toRecord);
}

/** The columns of SHOWN_RUN. */
export type ShownColumns = Record<RunText, string> & {
  run_key: string;
  run_id: string;
  dirty: boolean;
  labels: Record<string, string>;
  start_us: string;
  create_us: string;
  expire_us: string | null;
};

type RecordColumns = ShownColumns & {
  closed_us: string | null;
  closed_status: number | null;
  closed_expected_count: string | null;
  closed_finish_us: string | null;
  abandoned: boolean;
  state_version: string;
  settled: boolean;
  stored_status: number | null;
  lacks_tests: boolean;
  parts: PartValues[];
};

export function toShownRun(row: ShownColumns): ShownRun {
  return {
    runKey: row.run_key,
    runId: row.run_id,
    texts: row,
    dirty: row.dirty,
    labels: row.labels,
    startUs: Number(row.start_us),
    createUs: Number(row.create_us),
    expireUs: readMicros(row.expire_us),
  };
}

function toRecord(row: RecordColumns): RunRecord {
  return {
    closedUs: readMicros(row.closed_us),
    closedStatus: row.closed_status,
    closedExpectedCount: readMicros(row.closed_expected_count),
    closedFinishUs: readMicros(row.closed_finish_us),
    abandoned: row.abandoned,
    stateVersion: row.state_version,
    settled: row.settled,
    storedStatus: row.stored_status,
    lacksTests: row.lacks_tests,
    parts: row.parts.map(toPart),
    ...toShownRun(row),
  };
}

/** In this snapshot, the status of a run that has ended and is settled is the one that its parts would give. */
const HAS_STATUS = "$3::boolean AND r.unsettled_at IS NULL AND r.state <> 1";
/** Of the run `r`. */
export const SHOWN_RUN = `r.run_key, r.run_id, ${RUN_TEXTS.map((column) => `r.${column}`).join(", ")}, r.dirty, r.labels,
  ${microsOf("r.started_at")} AS start_us, ${microsOf("r.created_at")} AS create_us,
  ${microsOf("r.expired_at")} AS expire_us`;

/** One row a run, which is `r` to the text of its parts. */
const READ = `
SELECT
  ${SHOWN_RUN},
  ${microsOf("r.closed_at")} AS closed_us, r.closed_status, r.closed_expected_count,
  ${microsOf("r.closed_finish_time")} AS closed_finish_us, r.abandoned_at IS NOT NULL AS abandoned,
  r.state_version, r.unsettled_at IS NULL AS settled,
  CASE WHEN ${HAS_STATUS} THEN COALESCE(r.status, 0) END AS stored_status,
  COALESCE(r.missing_count, 0) > 0 AS lacks_tests,
  COALESCE(parts.list, '[]') AS parts
FROM runs r
LEFT JOIN LATERAL (${partList(HAS_STATUS)}) parts ON true
WHERE r.project_key = $1 AND r.run_key = ANY ($2::bigint[]) AND r.deleted_at IS NULL`;
