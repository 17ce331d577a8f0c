import { expect, it } from "vitest";
import { Pool } from "../../src/db/pool.js";
import { ensureResultsPartitions } from "../../src/db/results-partitions.js";
import { createTestDatabase } from "../support/database.js";

it("makes the partitions of a month and of the two after it, over the end of a year", async () => {
  await using database = await createTestDatabase();
  await using pool = new Pool({ url: database.url, prepare: true, size: 3 });
  const partitions = async () => {
    const rows = await pool.query<{ name: string; bounds: string }>(
      `SELECT relname::text AS name, pg_get_expr(relpartbound, oid) AS bounds
       FROM pg_class
       WHERE relname >= 'results_2039' AND relname < 'results_2041' AND relispartition
         AND relkind = 'r'
       ORDER BY relname`,
    );
    return rows.map(({ name, bounds }) => `${name} ${bounds}`);
  };
  // The last day of a month: a month later there may be no such day. Three servers ask at once.
  await Promise.all([0, 1, 2].map(() => ensureResultsPartitions(pool, "2039-12-31")));
  expect(await partitions()).toEqual([
    "results_2039_12 FOR VALUES FROM ('2039-12-01') TO ('2040-01-01')",
    "results_2040_01 FOR VALUES FROM ('2040-01-01') TO ('2040-02-01')",
    "results_2040_02 FOR VALUES FROM ('2040-02-01') TO ('2040-03-01')",
  ]);
});
