/** Groups of failures that say the same, the largest first: of a window, or of one run. */
import { microsOf } from "./micros.js";
import type { Queryable } from "./queryable.js";

/** Position in a list of groups: by the count, descending, then by the fingerprint. */
export interface FailureGroupKey {
  readonly failures: number;
  /** 16 hexadecimal digits. */
  readonly fingerprint: string;
}

export interface FailureGroupPage {
  readonly groups: readonly FailureGroupKey[];
  /** Where the window begins, in microseconds since the epoch. */
  readonly sinceUs: number;
}

/** Groups of the last `days` UTC days after a key. Serves from the key of failure_group_days. */
export async function listFailureGroups(
  db: Queryable,
  projectKey: string,
  days: number,
  after: FailureGroupKey | null,
  limit: number,
  deadlineAt: number,
): Promise<FailureGroupPage> {
  const rows = await db.query<GroupColumns & { since_us: string }>(
    LIST,
    [projectKey, after?.failures ?? null, after?.fingerprint ?? "", limit, days],
    { deadlineAt },
  );
  return { groups: toKeys(rows), sinceUs: Number(rows[0]?.since_us) };
}

/** Groups of a run after a key. Serves from the key of failures. */
export async function listFailureGroupsOfRun(
  db: Queryable,
  projectKey: string,
  runKey: string,
  after: FailureGroupKey | null,
  limit: number,
  deadlineAt: number,
): Promise<FailureGroupKey[]> {
  const rows = await db.query<GroupColumns>(
    LIST_OF_RUN,
    [projectKey, after?.failures ?? null, after?.fingerprint ?? "", limit, runKey],
    { deadlineAt },
  );
  return toKeys(rows);
}

interface GroupColumns {
  /** NULL in the one row of a page without groups. */
  fingerprint: string | null;
  failures: string;
}

function toKeys(rows: readonly GroupColumns[]): FailureGroupKey[] {
  return rows.flatMap(({ fingerprint, failures }) =>
    fingerprint === null ? [] : [{ fingerprint, failures: Number(failures) }],
  );
}

/** int8send: as bytes, fingerprints have the order of their digits. */
const PAGE = `
page AS (
  SELECT id, failures
  FROM counted
  WHERE failures > 0 AND (
    $2::bigint IS NULL OR failures < $2::bigint
    OR (failures = $2::bigint AND id > decode($3::text, 'hex'))
  )
  ORDER BY failures DESC, id
  LIMIT $4::int
)`;

const LIST = `
WITH today AS MATERIALIZED (
  SELECT (now() AT TIME ZONE 'UTC')::date AS day
),
counted AS (
  SELECT int8send(fingerprint) AS id, sum(failure_count) AS failures
  FROM failure_group_days
  WHERE project_key = $1 AND day > (SELECT day FROM today) - $5::int
  GROUP BY fingerprint
),
${PAGE}
SELECT
  ${microsOf("(today.day - $5::int + 1)::timestamp AT TIME ZONE 'UTC'")} AS since_us,
  encode(id, 'hex') AS fingerprint, failures
FROM today
LEFT JOIN page ON true
ORDER BY failures DESC, id`;

const LIST_OF_RUN = `
WITH counted AS (
  SELECT int8send(fingerprint) AS id, count(*) AS failures
  FROM failures
  WHERE project_key = $1 AND run_key = $5::bigint
  GROUP BY fingerprint
),
${PAGE}
SELECT encode(id, 'hex') AS fingerprint, failures
FROM page
ORDER BY failures DESC, id`;
