import { expect, it } from "vitest";
import { createRefusalLog } from "../../src/auth/refusal-log.js";
import { createUseLog } from "../../src/auth/use-log.js";
import { listAuditEntries } from "../../src/db/audit-entries.js";
import { DbError } from "../../src/db/errors.js";
import type { Queryable } from "../../src/db/queryable.js";
import { AuthLab } from "./support.js";

const away: Queryable = {
  query: () => Promise.reject(new DbError("transient", "gone", "", "")),
};

it("keeps a bounded number of rows, and counts every refusal all the same", async () => {
  await using lab = await AuthLab.start();
  const log = createRefusalLog(lab.pool, () => 1_800_000_000_000);
  for (let i = 0; i < 3_000; i++) log.note(`10.0.0.${i}`, "id", "");
  log.note("10.0.0.1", "id", "");
  await log.flush();
  const rows = await listAuditEntries(lab.pool, "", null, 10_000, Infinity);
  expect(rows).toHaveLength(1_001);
  expect(rows.reduce((sum, { count }) => sum + Number(count), 0)).toBe(3_001);
  expect(rows.filter(({ address }) => address === "").map(({ count }) => count)).toEqual(["2000"]);
});

it("writes a row for each minute", async () => {
  await using lab = await AuthLab.start();
  const clock = { ms: 1_800_000_000_000 };
  const log = createRefusalLog(lab.pool, () => clock.ms);
  log.note("10.0.0.1", "id", "");
  clock.ms += 59_999;
  log.note("10.0.0.1", "id", "");
  await log.flush();
  log.note("10.0.0.1", "id", "");
  clock.ms += 1;
  log.note("10.0.0.1", "id", "");
  await log.flush();
  const rows = await listAuditEntries(lab.pool, "", null, 100, Infinity);
  expect(rows.map(({ count }) => count)).toEqual(["1", "3"]);
});

it("loses nothing while the database is away", async () => {
  await using lab = await AuthLab.start();
  let db = away;
  const log = createRefusalLog({ query: (...args) => db.query(...args) }, () => 0);
  log.note("10.0.0.1", "id", "");
  await expect(log.flush()).rejects.toThrow("gone");
  log.note("10.0.0.1", "id", "");
  db = lab.pool;
  await log.flush();
  const rows = await listAuditEntries(lab.pool, "", null, 100, Infinity);
  expect(rows.map(({ count }) => count)).toEqual(["2"]);
});

it("keeps the latest use of a token while the database is away", async () => {
  const sent: unknown[] = [];
  let isAway = true;
  const log = createUseLog({
    async query(_, params) {
      if (isAway) throw new DbError("transient", "gone", "", "");
      sent.push(params);
      return [];
    },
  });
  log.note("a", 1);
  log.note("b", 1);
  await expect(log.flush()).rejects.toThrow("gone");
  log.note("a", 2);
  isAway = false;
  await log.flush();
  await log.flush();
  expect(sent).toEqual([['{"a","b"}', "{2000,1000}"]]);
});
