/**
 * Projects in which retention has something to do: a few steps by an index for each project that there is. They come in
 * the order of their keys, after one of them, up to a limit.
 */
import { startOf, TODAY } from "./days.js";
import { HORIZON, IS_PROCESSED } from "./dropped-events.js";
import { EVENT_STATES } from "./event-rows.js";
import { EXPIRING, KEPT } from "./expired-runs.js";
import type { Queryable } from "./queryable.js";

/** Projects with runs that have a step to take. Serves from runs_kept and runs_expiring. */
export function projectsWithOldRuns(
  db: Queryable,
  failureDays: number,
  afterKey: string,
  limit: number,
): Promise<string[]> {
  return projects(db, OLD_RUNS, [afterKey, failureDays, limit]);
}

/**
 * Projects with events to drop, or to forget. Serves from events_by_time, event_batches_by_time and events_dropped.
 */
export function projectsWithOldEvents(
  db: Queryable,
  dedupDays: number,
  afterKey: string,
  limit: number,
): Promise<string[]> {
  return projects(db, OLD_EVENTS, [afterKey, dedupDays, limit]);
}

async function projects(
  db: Queryable,
  text: string,
  params: (string | number)[],
): Promise<string[]> {
  const rows = await db.query<{ project_key: string }>(text, params);
  return rows.map((row) => row.project_key);
}

/** The least of project `p`: in order, so that an index answers it, and no table is searched for any. */
const least = (column: string, table: string, condition: string) => `(
    SELECT ${column}
    FROM ${table}
    WHERE project_key = p.project_key AND ${condition}
    ORDER BY ${column}
    LIMIT 1
  )`;

const projectsWith = (condition: string) => `
SELECT p.project_key
FROM projects p
WHERE p.project_key > $1::bigint AND p.deleted_at IS NULL AND (${condition})
ORDER BY p.project_key
LIMIT $3::int`;

const OLD_RUNS = projectsWith(`
  ${least("expire_step", "runs", EXPIRING)} < 2
  OR p.retention_days > 0 AND (
    ${least("run_day", "runs", KEPT)} < ${TODAY} - p.retention_days
    OR ${least("run_day", "runs", `${EXPIRING} AND expire_step = 2`)}
      < ${TODAY} - GREATEST(p.retention_days, $2::int)
  )
`);

const OLD_EVENTS = projectsWith(`
  p.event_retention_days > 0 AND LEAST(
    ${least("received_at", "events", IS_PROCESSED)}, ${least("created_at", "event_batches", "created_at > '-infinity'")}
  ) < ${HORIZON}
  OR ${least("dropped_at", "events", `state = ${EVENT_STATES.dropped}`)} < ${startOf(`${TODAY} - $2::int`)}
`);
