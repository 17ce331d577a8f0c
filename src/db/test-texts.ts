/** Searching tests for a text. */
import type { Queryable } from "./queryable.js";

/**
 * SQL that is true of a test (by its alias) whose suite, file, name or parameters contain a text, whatever its case.
 * Nothing in the text is a pattern.
 */
export function containsText(alias: string, param: string): string {
  return `strpos(${alias}.search_text, lower(${param}::text)) > 0`;
}

/** Whether a test contains a text, as `containsText` says. Serves from tests_pkey. */
export async function testContains(
  db: Queryable,
  projectKey: string,
  testKey: string,
  text: string,
  deadlineAt: number,
): Promise<boolean> {
  const rows = await db.query(CONTAINS, [projectKey, testKey, text], { deadlineAt });
  return rows.length > 0;
}

const CONTAINS = `
SELECT test_key
FROM tests AS t
WHERE project_key = $1 AND test_key = $2 AND ${containsText("t", "$3")}`;
