/** Projects as rows, for tests of what stands below the RPCs. */
import type { Queryable } from "../../src/db/queryable.js";

/** Projects of one organization in a database that has none. Their keys are 1 to `count`. */
export async function insertProjects(db: Queryable, count = 1): Promise<void> {
  await db.query(
    `WITH organization AS (
      INSERT INTO organizations (organization_id, name) VALUES ('org', 'org') RETURNING organization_key
    )
    INSERT INTO projects (project_id, organization_key, name)
    SELECT 'project ' || i, organization_key, 'project ' || i
    FROM organization, generate_series(1, $1::int) AS i
    ORDER BY i`,
    [count],
  );
}
