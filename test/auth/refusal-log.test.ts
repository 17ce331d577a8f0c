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

it("writes a bounded number of rows a minute, and counts every refusal all the same", async () => {
  await using lab = await AuthLab.start();
  const log = createRefusalLog(lab.pool, () => 1_800_000_000_000);
  for (let i = 0; i < 3_000; i++) {
    log.note(`10.0.0.${i}`, "id", "");
    // Flushing makes no room within the minute.
    if (i % 700 === 0) await log.flush();
  }
  log.note("10.0.0.1", "id", "");
  await log.flush();
  const rows = await listAuditEntries(lab.pool, "", null, 10_000, Infinity);
  expect(rows).toHaveLength(501);
  expect(rows.reduce((sum, { count }) => sum + Number(count), 0)).toBe(3_001);
  expect(rows.filter(({ address }) => address === "").map(({ count }) => count)).toEqual(["2500"]);
});

it("gives an address that invents ids one row for most of them, and leaves room for others", async () => {
  await using lab = await AuthLab.start();
  const clock = { ms: 1_800_000_000_000 };
  const log = createRefusalLog(lab.pool, () => clock.ms);
  for (let i = 0; i < 3_000; i++) log.note("10.0.0.1", `id${i}`, "");
  log.note("10.0.0.1", "id0", "");
  log.note("10.0.0.2", "id", "");
  clock.ms += 60_000;
  log.note("10.0.0.1", "id2999", "");
  await log.flush();
  const rows = await listAuditEntries(lab.pool, "", null, 10_000, Infinity);
  const counts = new Map(rows.map((row) => [`${row.address} ${row.subjectId}`, row.count]));
  expect(rows).toHaveLength(20 + 1 + 1 + 1);
  expect(counts.get("10.0.0.1 ")).toBe("2980");
  expect(counts.get("10.0.0.1 id0")).toBe("2");
  expect(counts.get("10.0.0.2 id")).toBe("1");
  expect(counts.get("10.0.0.1 id2999")).toBe("1");
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

it("waits with a bounded number of rows while the database is away, and loses no count", async () => {
  await using lab = await AuthLab.start();
  let db = away;
  const clock = { ms: 0 };
  const log = createRefusalLog({ query: (...args) => db.query(...args) }, () => clock.ms);
  for (; clock.ms < 5 * 60_000; clock.ms += 60_000) {
    for (let i = 0; i < 400; i++) log.note(`10.0.0.${i}`, "id", "");
    await expect(log.flush()).rejects.toThrow("gone");
  }
  db = lab.pool;
  await log.flush();
  const rows = await listAuditEntries(lab.pool, "", null, 10_000, Infinity);
  // The third minute began to share its row at the 1,000th; the last two have no other.
  expect(rows).toHaveLength(1_000 + 3);
  expect(rows.reduce((sum, { count }) => sum + Number(count), 0)).toBe(2_000);
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
  const flushed = log.flush();
  log.note("a", 2);
  await expect(flushed).rejects.toThrow("gone");
  isAway = false;
  await log.flush();
  await log.flush();
  expect(sent).toEqual([['{"a","b"}', "{2000,1000}"]]);
});

it("notes the use of a bounded number of tokens", async () => {
  const sent: string[] = [];
  const log = createUseLog({
    async query(_, params) {
      sent.push(...String(params?.[0]).split(","));
      return [];
    },
  });
  for (let i = 0; i < 6_000; i++) log.note(`id${i}`, 1);
  await log.flush();
  expect(sent).toHaveLength(5_000);
});
