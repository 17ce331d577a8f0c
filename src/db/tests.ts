/** Tests: their identity, and the key under which results refer to them. */
import { byteaArray, textArray } from "./array-literal.js";
import type { Queryable } from "./queryable.js";

export interface TestRow {
  /** 16 bytes. */
  readonly testId: Uint8Array;
  readonly suite: string;
  readonly file: string;
  readonly name: string;
  readonly parameters: string;
  /** JSON with sorted keys. */
  readonly variant: string;
}

/**
 * The keys of tests, in their order; new ones are stored as long as the project has fewer than `maxTests`.
 * Null: the project is full, and the test is not among those it has.
 */
export async function resolveTests(
  db: Queryable,
  projectKey: string,
  tests: readonly TestRow[],
  maxTests: number,
  deadlineAt: number,
): Promise<(string | null)[]> {
  const params = [
    projectKey,
    byteaArray(tests.map((t) => t.testId)),
    textArray(tests.map((t) => t.suite)),
    textArray(tests.map((t) => t.file)),
    textArray(tests.map((t) => t.name)),
    textArray(tests.map((t) => t.parameters)),
    textArray(tests.map((t) => t.variant)),
    maxTests,
  ];
  const ids = tests.map((test) => hex(test.testId));
  const keys = new Map<string, string>();
  // A test that another statement stores at the same time is seen by neither part of the first one.
  for (let pass = 0; pass < 2; pass++) {
    const rows = await db.query<{ id: string; test_key: string }>(RESOLVE, params, { deadlineAt });
    for (const { id, test_key } of rows) keys.set(id, test_key);
    if (ids.every((id) => keys.has(id))) break;
  }
  return ids.map((id) => keys.get(id) ?? null);
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

/**
 * The one test of project $1 that has this id. The sum keeps the planner from every index that begins with the project:
 * in a project that ANALYZE has not met it may prefer such a one, and read all tests of the project for each id.
 */
export const testOf = (id: string) => `test_id = ${id} AND project_key + 0 = $1`;

/**
 * Known tests are looked up first: INSERT … ON CONFLICT burns an identity value for each. NOT IN is hashed, whatever the
 * planner believes of a list. The bound may be exceeded by what other statements add at the same moment.
 */
const RESOLVE = `
WITH sent AS MATERIALIZED (
  SELECT DISTINCT ON (test_id) test_id, suite, file, name, parameters, variant
  FROM unnest($2::bytea[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
    AS s(test_id, suite, file, name, parameters, variant)
  ORDER BY test_id
),
known AS MATERIALIZED (
  SELECT s.test_id, t.test_key
  FROM sent s
  CROSS JOIN LATERAL (SELECT test_key FROM tests WHERE ${testOf("s.test_id")} OFFSET 0) t
),
added AS (
  INSERT INTO tests (project_key, test_id, suite, file, name, parameters, variant)
  SELECT $1, test_id, suite, file, name, parameters, variant::jsonb
  FROM sent
  WHERE test_id NOT IN (SELECT test_id FROM known)
  ORDER BY test_id
  LIMIT GREATEST(
    0, $8::bigint - COALESCE((SELECT test_count FROM test_counts WHERE project_key = $1), 0)
  )
  ON CONFLICT (project_key, test_id) DO NOTHING
  RETURNING test_id, test_key
),
counted AS (
  INSERT INTO test_counts AS c (project_key, test_count)
  SELECT $1, count(*) FROM added HAVING count(*) > 0
  ON CONFLICT (project_key) DO UPDATE SET test_count = c.test_count + EXCLUDED.test_count
)
SELECT encode(test_id, 'hex') AS id, test_key FROM known
UNION ALL
SELECT encode(test_id, 'hex'), test_key FROM added`;
