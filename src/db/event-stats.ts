/** How often something happened to a client: what is folded, and what is not folded yet, of one snapshot. */
import type { Queryable } from "./queryable.js";

export interface EventStats {
  readonly views: number;
  readonly users: number;
  /** By views, descending, then by path. */
  readonly topPaths: readonly { readonly path: string; readonly views: number }[];
}

/** The figures of a UTC day (`2025-11-12`), or of all time (null): exact. Serves from the keys alone. */
export async function readEventStats(
  db: Queryable,
  projectKey: string,
  group: { readonly client: string; readonly metric: string },
  day: string | null,
  topPaths: number,
  deadlineAt: number,
): Promise<EventStats> {
  const [row] = await db.query<{
    views: string;
    users: string;
    top_paths: { path: string; views: number }[];
  }>(READ, [projectKey, group.client, group.metric, day ?? "-infinity", topPaths], { deadlineAt });
  return {
    views: Number(row?.views ?? 0),
    users: Number(row?.users ?? 0),
    topPaths: row?.top_paths ?? [],
  };
}

// Each user and path of the queue is looked up on its own: OFFSET 0 keeps the planner from joining whole tables.
// The best paths that are folded suffer at most one loss of place by each path of the queue: so many more of
// them are read, and those of the queue are put in their new place.
const READ = `
WITH queued AS MATERIALIZED (
  SELECT e.day, e.path, e.user_id, sum(q.weight) AS moved
  FROM event_fold_queue AS q
  CROSS JOIN unnest(q.days, q.paths, q.users) AS e(day, path, user_id)
  WHERE q.project_key = $1 AND q.client = $2 AND q.metric = $3
    AND ($4::text::date = '-infinity' OR e.day = $4::text::date)
  GROUP BY e.day, e.path, e.user_id
),
day_steps AS MATERIALIZED (
  SELECT m.user_id, (f.views + m.moved > 0)::int - (f.views > 0)::int AS step
  FROM (
    SELECT day, user_id, sum(moved) AS moved
    FROM queued
    WHERE user_id <> ''
    GROUP BY day, user_id
  ) AS m
  CROSS JOIN LATERAL (
    SELECT COALESCE((
      SELECT views
      FROM event_users
      WHERE project_key = $1 AND client = $2 AND metric = $3 AND day = m.day AND user_id = m.user_id
    ), 0) AS views
    OFFSET 0
  ) AS f
),
-- The row of all time has the days of a user.
ever_steps AS (
  SELECT (f.days + m.moved > 0)::int - (f.days > 0)::int AS step
  FROM (
    SELECT user_id, sum(step) AS moved
    FROM day_steps
    WHERE $4::text::date = '-infinity'
    GROUP BY user_id
    HAVING sum(step) <> 0
  ) AS m
  CROSS JOIN LATERAL (
    SELECT COALESCE((
      SELECT views
      FROM event_users
      WHERE project_key = $1 AND client = $2 AND metric = $3 AND day = '-infinity' AND user_id = m.user_id
    ), 0) AS days
    OFFSET 0
  ) AS f
),
path_moves AS MATERIALIZED (
  SELECT path, sum(moved) AS moved
  FROM queued
  WHERE path <> ''
  GROUP BY path
),
top_folded AS MATERIALIZED (
  SELECT path, views
  FROM event_paths
  WHERE project_key = $1 AND client = $2 AND metric = $3 AND day = $4::text::date
  ORDER BY views DESC, path
  LIMIT $5::int + (SELECT count(*) FROM path_moves)
),
top_paths AS (
  SELECT DISTINCT ON (path) path, views
  FROM (
    SELECT path, views, false AS is_new
    FROM top_folded
    UNION ALL
    SELECT m.path, f.views + m.moved, true
    FROM path_moves AS m
    CROSS JOIN LATERAL (
      SELECT COALESCE((
        SELECT views
        FROM event_paths
        WHERE project_key = $1 AND client = $2 AND metric = $3 AND day = $4::text::date AND path = m.path
      ), 0) AS views
      OFFSET 0
    ) AS f
  ) AS p
  ORDER BY path, is_new DESC
),
folded AS (
  SELECT views, users
  FROM event_days
  WHERE project_key = $1 AND client = $2 AND metric = $3 AND day = $4::text::date
)
SELECT
  COALESCE((SELECT views FROM folded), 0) + COALESCE((SELECT sum(moved) FROM queued), 0) AS views,
  COALESCE((SELECT users FROM folded), 0) + COALESCE(
    CASE WHEN $4::text::date = '-infinity'
      THEN (SELECT sum(step) FROM ever_steps)
      ELSE (SELECT sum(step) FROM day_steps)
    END, 0) AS users,
  COALESCE((
    SELECT jsonb_agg(jsonb_build_object('path', path, 'views', views) ORDER BY views DESC, path)
    FROM (
      SELECT path, views
      FROM top_paths
      WHERE views > 0
      ORDER BY views DESC, path
      LIMIT $5::int
    ) AS best
  ), '[]') AS top_paths`;
