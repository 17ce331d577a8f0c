import { afterAll, beforeAll, expect, it } from "vitest";
import { Connection } from "../../src/db/client.js";
import { pruneAudit } from "../../src/jobs/prune-audit.js";
import { limits } from "../../src/limits.js";
import { createLogger } from "../../src/log.js";
import { createTestDatabase, type TestDatabase } from "../support/database.js";

let database: TestDatabase;
let db: Connection;
beforeAll(async () => {
  database = await createTestDatabase();
  db = new Connection({ url: database.url, prepare: false });
});
afterAll(async () => {
  await db[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

it("loses old refusals in bounded statements, and never a change of tenancy", async () => {
  await db.run(`
    INSERT INTO audit_entries (action, subject_id, refused_minute)
    SELECT 'auth_failed', i::text, now() - interval '31 days' FROM generate_series(1, 2500) i;
    INSERT INTO audit_entries (action, subject_id, refused_minute)
    VALUES ('auth_failed', 'recent', now() - interval '29 days');
    INSERT INTO audit_entries (action, created_at) VALUES ('token_created', now() - interval '9 years');`);
  expect(limits.auditedRefusalsMs).toBe(30 * 24 * 3600 * 1000);
  const log = createLogger("silent");
  await pruneAudit({ db, log, now: Date.now, random: Math.random }).runOnce();
  const left = await db.query("SELECT action, subject_id FROM audit_entries ORDER BY 1");
  expect(left).toEqual([
    { action: "auth_failed", subject_id: "recent" },
    { action: "token_created", subject_id: "" },
  ]);
});
