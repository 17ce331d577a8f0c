/** Events in their table and in the queue of the fold job, made by the database: as many as no client could send. */
import type { Connection } from "../../src/db/client.js";

/** What the events are spread over. */
export interface EventSpread {
  readonly clients: number;
  readonly usersPerClient: number;
  readonly pathsPerClient: number;
  readonly days: number;
}

/** Of one statement, as of a frame of a stream. */
const EVENTS_PER_STATEMENT = 5_000;

/** Stores `count` events of a project; `first` tells how many it has. */
export async function fillEvents(
  connection: Connection,
  projectKey: string,
  first: number,
  count: number,
  { clients, usersPerClient, pathsPerClient, days }: EventSpread,
): Promise<void> {
  for (let i = first; i < first + count; i += EVENTS_PER_STATEMENT) {
    const last = Math.min(i + EVENTS_PER_STATEMENT, first + count) - 1;
    await connection.query(FILL, [
      projectKey,
      i,
      last,
      clients,
      usersPerClient,
      pathsPerClient,
      days,
    ]);
  }
}

// Squares of random numbers: the first users and paths come most often. Client 0 has a tenth of all.
const FILL = `
WITH made AS (
  SELECT
    i, 'site-' || (CASE WHEN i % 10 = 0 THEN 0 ELSE hashint8(i) & 2147483647 END % $4::int) AS client,
    timestamptz '2025-11-01 00:00:00Z' + (hashint8(i + 1) & 2147483647) % ($7::int * 86400) * interval '1 second'
      AS occurred_at,
    '/path/' || floor(random() ^ 2 * $6::int) AS path, 'user-' || floor(random() ^ 2 * $5::int) AS user_id
  FROM generate_series($2::bigint, $3::bigint) AS i
),
stored AS (
  INSERT INTO events (
    project_key, event_id, state, occurred_at, amount, batch_key, content_hash, normalizer_version, client,
    metric, path, user_id, raw
  )
  SELECT
    $1, decode(md5(i::text), 'hex'), 2, occurred_at, i % 1000, $2::bigint, decode(md5(i::text), 'hex'), 1, client,
    'page_view', path, user_id, convert_to(jsonb_build_object('site_id', client, 'path', path)::text, 'UTF8')
  FROM made
)
INSERT INTO event_fold_queue (project_key, client, metric, batch_key, weight, days, paths, users)
SELECT
  $1, client, 'page_view', $2::bigint, 1, array_agg((occurred_at AT TIME ZONE 'UTC')::date), array_agg(path),
  array_agg(user_id)
FROM made
GROUP BY client`;
