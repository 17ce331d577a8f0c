/** Rejections that are put into the database as they are: more, or larger ones, than calls could make in the time of a test. */
import type { Queryable } from "../../src/db/queryable.js";

/** Open rejections of events of a client, each with so many bytes and violations of 300 characters. */
export async function keepRejections(
  db: Queryable,
  of: { readonly projectId: string; readonly client: string },
  count: number,
  { bytes = 1, violations = 0 }: { readonly bytes?: number; readonly violations?: number },
): Promise<void> {
  await db.query(
    `INSERT INTO rejections (
      project_key, rejection_id, kind, reason, violations, violations_truncated, run_id, part, item_index, result_id,
      bytes, client, batch_key
    )
    SELECT
      project_key, decode(md5($2::text || i), 'hex'), 3, 1, COALESCE((
        SELECT jsonb_agg(jsonb_build_object('field', 'f' || v, 'description', repeat('x', 300)))
        FROM generate_series(1, $5::int) AS v
      ), '[]'), false, '', '', 0, '', convert_to(repeat('x', $4::int), 'UTF8'), $2::text, 1
    FROM projects, generate_series(1, $3::int) AS i
    WHERE project_id = $1`,
    [of.projectId, of.client, count, bytes, violations],
  );
}
