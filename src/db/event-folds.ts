/**
 * Takes stored events into the figures that answers are read from: views and users of a day and of all time, views
 * of a path in both, views of a user in a day. A user's row for all time has its days with views, so that it
 * is written once a day.
 */
import { textArray } from "./array-literal.js";
import type { Queryable } from "./queryable.js";

/** A client and a metric that have figures of their own. */
export interface EventGroup {
  readonly client: string;
  readonly metric: string;
}

/** Groups with at least so many events that are not folded, the most first; up to `limit`. */
export async function unfoldedGroups(
  db: Queryable,
  projectKey: string,
  minEvents: number,
  limit: number,
): Promise<(EventGroup & { readonly events: number })[]> {
  const rows = await db.query<EventGroup & { events: string }>(GROUPS, [
    projectKey,
    minEvents,
    limit,
  ]);
  return rows.map((row) => ({ ...row, events: Number(row.events) }));
}

/**
 * Folds queued events of these groups, about `maxEvents` of them and one row of the queue at least, and takes
 * them off the queue: all of it in one statement, so exactly once. Rows that another one is folding are left
 * out. Answers whether it left others behind.
 */
export async function foldEvents(
  db: Queryable,
  projectKey: string,
  groups: readonly EventGroup[],
  maxEvents: number,
): Promise<boolean> {
  const [row] = await db.query<{ more: boolean }>(FOLD, [
    projectKey,
    textArray(groups.map(({ client }) => client)),
    textArray(groups.map(({ metric }) => metric)),
    maxEvents,
  ]);
  return row?.more ?? false;
}

/** How many events a row of the queue has, by the size of the array (4 bytes each and a header), which is not read. */
const EVENT_COUNT = "(pg_column_size(days) - 20) / 4";

/** By how much the count of users changes when the views of one have become `views` by adding `moved`. */
const step = (views: string, moved: string) =>
  `((${views} > 0)::int - (${views} - ${moved} > 0)::int)`;

const GROUPS = `
SELECT client, metric, sum(${EVENT_COUNT}) AS events
FROM event_fold_queue
WHERE project_key = $1
GROUP BY client, metric
HAVING sum(${EVENT_COUNT}) >= $2::bigint
ORDER BY events DESC
LIMIT $3::int`;

// Whoever folds at the same time holds other rows of the queue and adds to the same figures. They are sums, and
// the value that an upsert returns is the one it made: so each statement sees its own step of a user's views,
// whatever its snapshot is. All upsert in the order of their keys, users before days before paths, so that none
// waits in a circle. What was upserted is put beside what was added by GROUP BY: nothing tells the planner how
// many rows there are, and it would take a join for a small one.
const FOLD = `
WITH locked AS MATERIALIZED (
  SELECT q.client, q.metric, q.batch_key, q.weight, q.event_count
  FROM unnest($2::text[], $3::text[]) AS g(client, metric)
  CROSS JOIN LATERAL (
    SELECT client, metric, batch_key, weight, ${EVENT_COUNT} AS event_count
    FROM event_fold_queue
    WHERE project_key = $1 AND client = g.client AND metric = g.metric
    FOR UPDATE SKIP LOCKED
  ) AS q
  LIMIT $4::int
),
chosen AS MATERIALIZED (
  SELECT client, metric, batch_key, weight
  FROM (
    SELECT *, sum(event_count) OVER (
      ORDER BY client, metric, batch_key, weight ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS events_before
    FROM locked
  ) AS counted
  WHERE COALESCE(events_before, 0) < $4::int
),
taken AS (
  DELETE FROM event_fold_queue AS q
  USING chosen AS c
  WHERE q.project_key = $1 AND q.client = c.client AND q.metric = c.metric
    AND q.batch_key = c.batch_key AND q.weight = c.weight
  RETURNING q.client, q.metric, q.weight, q.days, q.paths, q.users
),
moves AS MATERIALIZED (
  SELECT client, metric, e.day, e.path, e.user_id, sum(weight) AS moved
  FROM taken AS t
  CROSS JOIN unnest(t.days, t.paths, t.users) AS e(day, path, user_id)
  GROUP BY client, metric, e.day, e.path, e.user_id
),
user_moves AS MATERIALIZED (
  SELECT client, metric, day, user_id, sum(moved)::bigint AS moved
  FROM moves
  WHERE user_id <> ''
  GROUP BY client, metric, day, user_id
  HAVING sum(moved) <> 0
),
user_figures AS (
  INSERT INTO event_users AS u (project_key, client, metric, day, user_id, views)
  SELECT $1, client, metric, day, user_id, moved
  FROM user_moves
  ORDER BY client, metric, day, user_id
  ON CONFLICT (project_key, client, metric, day, user_id) DO UPDATE SET views = u.views + EXCLUDED.views
  RETURNING client, metric, day, user_id, views
),
-- A user counts while it has views.
user_steps AS MATERIALIZED (
  SELECT client, metric, day, user_id, ${step("max(views)", "sum(moved)")} AS step
  FROM (
    SELECT client, metric, day, user_id, views, 0 AS moved FROM user_figures
    UNION ALL
    SELECT client, metric, day, user_id, NULL, moved FROM user_moves
  ) AS u
  GROUP BY client, metric, day, user_id
  HAVING ${step("max(views)", "sum(moved)")} <> 0
),
ever_moves AS MATERIALIZED (
  SELECT client, metric, user_id, sum(step) AS moved
  FROM user_steps
  GROUP BY client, metric, user_id
  HAVING sum(step) <> 0
),
ever_figures AS (
  INSERT INTO event_users AS u (project_key, client, metric, day, user_id, views)
  SELECT $1, client, metric, date '-infinity', user_id, moved
  FROM ever_moves
  ORDER BY client, metric, user_id
  ON CONFLICT (project_key, client, metric, day, user_id) DO UPDATE SET views = u.views + EXCLUDED.views
  RETURNING client, metric, user_id, views
),
ever_steps AS (
  SELECT client, metric, ${step("max(views)", "sum(moved)")} AS step
  FROM (
    SELECT client, metric, user_id, views, 0 AS moved FROM ever_figures
    UNION ALL
    SELECT client, metric, user_id, NULL, moved FROM ever_moves
  ) AS u
  GROUP BY client, metric, user_id
),
view_moves AS (
  SELECT client, metric, day, sum(moved) AS moved FROM moves GROUP BY client, metric, day
),
day_figures AS (
  INSERT INTO event_days AS d (project_key, client, metric, day, views, users)
  SELECT $1, client, metric, day, sum(views), sum(users)
  FROM (
    SELECT client, metric, day, moved AS views, 0 AS users FROM view_moves
    UNION ALL
    SELECT client, metric, date '-infinity', moved, 0 FROM view_moves
    UNION ALL
    SELECT client, metric, day, 0, step FROM user_steps
    UNION ALL
    SELECT client, metric, date '-infinity', 0, step FROM ever_steps
  ) AS m
  GROUP BY client, metric, day
  HAVING sum(views) <> 0 OR sum(users) <> 0
  ORDER BY client, metric, day
  ON CONFLICT (project_key, client, metric, day) DO UPDATE SET
    views = d.views + EXCLUDED.views,
    users = d.users + EXCLUDED.users
  RETURNING 1
),
path_moves AS MATERIALIZED (
  SELECT client, metric, day, path, sum(moved) AS moved
  FROM moves
  WHERE path <> ''
  GROUP BY client, metric, day, path
),
path_figures AS (
  INSERT INTO event_paths AS p (project_key, client, metric, day, path, views)
  SELECT $1, client, metric, day, path, sum(moved)
  FROM (
    SELECT client, metric, day, path, moved FROM path_moves
    UNION ALL
    SELECT client, metric, date '-infinity', path, moved FROM path_moves
  ) AS m
  -- Always true; after the days.
  WHERE (SELECT count(*) FROM day_figures) >= 0
  GROUP BY client, metric, day, path
  HAVING sum(moved) <> 0
  ORDER BY client, metric, day, path
  ON CONFLICT (project_key, client, metric, day, path) DO UPDATE SET views = p.views + EXCLUDED.views
)
SELECT (SELECT count(*) FROM locked) = $4::int
  OR (SELECT count(*) FROM locked) > (SELECT count(*) FROM chosen) AS more`;
