/** Searching tests for a text. */
import type { Queryable } from "./queryable.js";

/**
 * SQL that is true of a test (by its alias) whose suite, file, name or parameters contain the text that the parameter
 * has, whatever its case. Nothing in the text is a pattern.
 */
export function containsText(alias: string, param: string, text: string): string {
  const sought = `lower(${param}::text)`;
  const looked = `${alias}.search_text`;
  // Two small letters have one capital; which of them lower() makes depends on the database.
  const folded = SIGMA.test(text) ? [looked, sought].map(withOneSigma) : [looked, sought];
  return `strpos(${folded.join(", ")}) > 0`;
}

const SIGMA = /[Σσς]/;

function withOneSigma(expression: string): string {
  return `translate(${expression}, 'ς', 'σ')`;
}

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
