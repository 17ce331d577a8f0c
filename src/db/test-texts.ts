/** Searching tests for a text. */
import type { Queryable } from "./queryable.js";

/**
 * SQL that is true of a test (by its alias) whose suite, file, name or parameters contain the text that the parameter
 * has, whatever its case. Nothing in the text is a pattern.
 */
export function containsText(alias: string, param: string, text: string): string {
  // Two small letters have one capital; which of them lower() makes depends on the database.
  const fold = (expression: string) =>
    SIGMA.test(text) ? `translate(${expression}, 'ς', 'σ')` : expression;
  // In a subquery it is made once, not for every test.
  const sought = `(SELECT ${fold(`lower(${param}::text)`)})`;
  return `strpos(${fold(`${alias}.search_text`)}, ${sought}) > 0`;
}

const SIGMA = /[Σσς]/;

/** Whether a test contains a text, as `containsText` says. Serves from tests_pkey. */
export async function testContains(
  db: Queryable,
  projectKey: string,
  testKey: string,
  text: string,
  deadlineAt: number,
): Promise<boolean> {
  const rows = await db.query(contains(text), [projectKey, testKey, text], { deadlineAt });
  return rows.length > 0;
}

const contains = (text: string) => `
SELECT test_key
FROM tests AS t
WHERE project_key = $1 AND test_key = $2 AND ${containsText("t", "$3", text)}`;
