/** What is known of groups of failures besides their size. */
import { textArray } from "./array-literal.js";
import type { ResultPointer } from "./flake-evidence.js";
import { microsOf, timeOf } from "./micros.js";
import type { Queryable } from "./queryable.js";
import type { StoredTest } from "./stored-results.js";

/** Which failures of a group: those of runs that count since a time, or those of one run. */
export type FailureScope = { readonly sinceUs: number } | { readonly runKey: string };

export interface FailureGroupDetails {
  /** 16 hexadecimal digits. */
  readonly fingerprint: string;
  readonly kind: string;
  readonly type: string;
  readonly maskedMessage: string;
  readonly testCount: number;
  readonly runCount: number;
  /** By the time their run counts, then run, test and result; null where all have left. */
  readonly first: FailureExample | null;
  readonly last: FailureExample | null;
  /** Runs with many failures of the group, newest first. */
  readonly massRuns: readonly MassRun[];
}

export interface FailureExample extends StoredTest, ResultPointer {
  /** The first 1,024 characters; '' where the result has left. */
  readonly message: string;
}

export interface MassRun {
  readonly runId: string;
  readonly failures: number;
  /** All results of the run. */
  readonly results: number;
}

/** How many failures make a run one of a mass, what share of its results they must be, and how many runs to answer. */
export interface MassRule {
  readonly minFailures: number;
  readonly maxResultsPerFailure: number;
  readonly maxRuns: number;
}

/**
 * The details of groups, in no order. Serves from failures_by_group, the key of failures for one run, and the keys
 * of failure_groups, failure_group_tests, failure_group_runs and part_totals.
 */
export async function readFailureGroupDetails(
  db: Queryable,
  projectKey: string,
  fingerprints: readonly string[],
  scope: FailureScope,
  mass: MassRule,
  deadlineAt: number,
): Promise<FailureGroupDetails[]> {
  if (fingerprints.length === 0) return [];
  const ofRun = "runKey" in scope;
  const rows = await db.query<DetailColumns>(
    ofRun ? READ_OF_RUN : READ,
    [
      projectKey,
      textArray(fingerprints),
      ofRun ? scope.runKey : scope.sinceUs,
      mass.minFailures,
      mass.maxResultsPerFailure,
      mass.maxRuns,
    ],
    { deadlineAt },
  );
  return rows.map((row) => ({
    fingerprint: row.fingerprint,
    kind: row.kind ?? "",
    type: row.type ?? "",
    maskedMessage: row.masked_message ?? "",
    testCount: Number(row.test_count),
    runCount: Number(row.run_count),
    first: row.first,
    last: row.last,
    massRuns: row.mass_runs ?? [],
  }));
}

interface DetailColumns {
  fingerprint: string;
  kind: string | null;
  type: string | null;
  masked_message: string | null;
  test_count: string;
  run_count: string;
  first: FailureExample | null;
  last: FailureExample | null;
  mass_runs: MassRun[] | null;
}

/** SQL that differs by scope; `f` is a row of failures, `g` one of failure_group_runs. */
interface ScopeText {
  readonly testCount: string;
  readonly runCount: string;
  readonly failures: string;
  readonly order: readonly string[];
  readonly runs: string;
}

const SINCE = timeOf("$3");
const OF_WINDOW: ScopeText = {
  // The window ends now: a test has a failure in it if its last one is.
  testCount: `(
    SELECT count(*)
    FROM failure_group_tests
    WHERE project_key = $1 AND fingerprint = k.id AND last_counted_at >= ${SINCE}
  )`,
  runCount: `(
    SELECT count(*)
    FROM failure_group_runs
    WHERE project_key = $1 AND fingerprint = k.id AND counted_at >= ${SINCE}
  )`,
  failures: `f.counted_at >= ${SINCE}`,
  order: ["counted_at", "run_key", "test_key", "result_id"],
  runs: `g.counted_at >= ${SINCE}`,
};
const OF_RUN: ScopeText = {
  testCount: `(
    SELECT count(DISTINCT test_key)
    FROM failures
    WHERE project_key = $1 AND run_key = $3::bigint AND fingerprint = k.id
  )`,
  runCount: "1",
  failures: `f.run_key = $3::bigint`,
  order: ["test_key", "result_id"],
  runs: `g.run_key = $3::bigint`,
};

/** The first or the last failure of the group in the scope, as JSON. OFFSET 0 keeps look-ups by key. */
const example = ({ failures, order }: ScopeText, direction: "ASC" | "DESC") => `(
    SELECT jsonb_build_object(
      'runId', s.run_id, 'resultId', s.result_id, 'attempt', s.attempt,
      'startUs', ${microsOf("s.started_at")}, 'testId', encode(t.test_id, 'hex'), 'suite', t.suite,
      'file', t.file, 'name', t.name, 'parameters', t.parameters, 'variant', t.variant,
      'message', COALESCE((
        SELECT left(failure_message, 1024)
        FROM results
        WHERE project_key = $1 AND run_day = s.run_day AND run_key = s.run_key
          AND test_key = s.test_key AND result_id = s.result_id
      ), '')
    )
    FROM (
      SELECT f.run_key, f.test_key, f.result_id, f.attempt, r.started_at, r.run_id, r.run_day
      FROM failures AS f
      CROSS JOIN LATERAL (
        SELECT started_at, run_id, run_day
        FROM runs
        WHERE project_key = $1 AND run_key = f.run_key AND deleted_at IS NULL
        OFFSET 0
      ) AS r
      WHERE f.project_key = $1 AND f.fingerprint = k.id AND ${failures}
      ORDER BY ${order.map((column) => `f.${column} ${direction}`).join(", ")}
      LIMIT 1
    ) AS s
    CROSS JOIN LATERAL (
      SELECT test_id, suite, file, name, parameters, variant
      FROM tests
      WHERE project_key = $1 AND test_key = s.test_key
      OFFSET 0
    ) AS t
  )`;

/**
 * A run is mass if enough of its results, and a large enough share of them, are of the group. Its runs are put in order
 * first, so that no more are looked up than are answered.
 */
const readText = (scope: ScopeText) => `
SELECT
  k.fingerprint, n.kind, n.type, n.masked_message,
  ${scope.testCount} AS test_count,
  ${scope.runCount} AS run_count,
  ${example(scope, "ASC")} AS first,
  ${example(scope, "DESC")} AS last,
  (
    SELECT jsonb_agg(
      jsonb_build_object('runId', run_id, 'failures', failure_count, 'results', results)
      ORDER BY counted_at DESC, run_key DESC
    )
    FROM (
      SELECT r.run_id, g.run_key, g.counted_at, g.failure_count, t.results
      FROM (
        SELECT g.run_key, g.counted_at, g.failure_count
        FROM failure_group_runs AS g
        WHERE g.project_key = $1 AND g.fingerprint = k.id AND ${scope.runs}
          AND g.failure_count >= $4::int
        ORDER BY g.counted_at DESC, g.run_key DESC
        OFFSET 0
      ) AS g
      CROSS JOIN LATERAL (
        SELECT run_id
        FROM runs
        WHERE project_key = $1 AND run_key = g.run_key AND deleted_at IS NULL
        OFFSET 0
      ) AS r
      CROSS JOIN LATERAL (
        SELECT sum(accepted_count) AS results
        FROM part_totals
        WHERE project_key = $1 AND run_key = g.run_key
        OFFSET 0
      ) AS t
      WHERE g.failure_count * $5::int >= t.results
      ORDER BY g.counted_at DESC, g.run_key DESC
      LIMIT $6::int
    ) AS mass
  ) AS mass_runs
FROM (
  SELECT fingerprint, ('x' || fingerprint)::bit(64)::bigint AS id
  FROM unnest($2::text[]) AS u(fingerprint)
) AS k
LEFT JOIN LATERAL (
  SELECT kind, type, masked_message
  FROM failure_groups
  WHERE project_key = $1 AND fingerprint = k.id
  OFFSET 0
) AS n ON true`;

const READ = readText(OF_WINDOW);
const READ_OF_RUN = readText(OF_RUN);
