/** The part of a statement that keeps refused items within their project's bound. */

/** What a rejection `r` takes of its project's bound while it is open: an item without bytes has a row all the same. */
export const KEPT_SIZE = "octet_length(r.bytes) + octet_length(r.part) + 1024";

/**
 * CTEs `kept` and `used`, over a CTE `refused` with the columns of `rejections` and `repeats`. $1 is the project,
 * `maxBytes` the parameter with the bound of a project without its own. A known item grows its repeat count,
 * once per batch key; one that was closed stays closed, and does not count, unless `reopens`; it gets its bytes back
 * if they were dropped. With `ofResults`, `refused` has what a result says too.
 */
export const keptRefusals = (
  maxBytes: string,
  { reopens = false, ofResults = false }: { reopens?: boolean; ofResults?: boolean } = {},
) => {
  const more = ofResults ? ", status, test_id, attempt" : "";
  return `
${reopens ? CLOSED_BEFORE : ""}kept AS (
  INSERT INTO rejections AS r (
    project_key, rejection_id, kind, reason, violations, violations_truncated, run_id, run_key, part_id,
    part, item_index, result_id, bytes, client, batch_key, repeat_count, idempotency_key${more}
  )
  SELECT
    $1, rejection_id, kind, reason, violations, violations_truncated, run_id, run_key, part_id,
    part, item_index, result_id, bytes, client, batch_key, repeats, idempotency_key${more}
  FROM refused
  ORDER BY rejection_id
  ON CONFLICT (project_key, rejection_id) DO UPDATE SET
    repeat_count = r.repeat_count + CASE WHEN r.batch_key = EXCLUDED.batch_key THEN 0 ELSE EXCLUDED.repeat_count END,
    batch_key = EXCLUDED.batch_key,
    last_at = now(),
    bytes = COALESCE(r.bytes, EXCLUDED.bytes),
    run_key = COALESCE(r.run_key, EXCLUDED.run_key)${reopens ? REOPENED : ""}
  RETURNING rejection_id, repeat_count, xmax = 0 AS is_new, ${KEPT_SIZE} AS size
),
used AS (
  INSERT INTO rejection_usage AS u (project_key, kept_bytes, max_bytes)
  SELECT $1, sum(k.size), COALESCE(NULLIF(p.kept_refusal_bytes, 0), ${maxBytes}::bigint)
  FROM kept k
  JOIN projects p ON p.project_key = $1
  WHERE k.is_new${reopens ? " OR k.rejection_id IN (SELECT rejection_id FROM closed_before)" : ""}
  GROUP BY p.kept_refusal_bytes
  ON CONFLICT (project_key) DO UPDATE SET
    kept_bytes = u.kept_bytes + EXCLUDED.kept_bytes,
    max_bytes = EXCLUDED.max_bytes
)`;
};

/** They did not count, and do again. */
const CLOSED_BEFORE = `closed_before AS MATERIALIZED (
  SELECT rejection_id
  FROM rejections
  WHERE project_key = $1 AND rejection_id IN (SELECT rejection_id FROM refused) AND state <> 1
),
`;

/** What was taken back from whoever closed it: the reason is a new one. */
const REOPENED = `,
    reason = EXCLUDED.reason,
    violations = EXCLUDED.violations,
    violations_truncated = EXCLUDED.violations_truncated,
    state = 1,
    closed_at = NULL,
    closed_by = '',
    note = ''`;
