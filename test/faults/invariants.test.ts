/** Each invariant holds of an honest database, and fails when the database is made wrong. */
import { create } from "@bufbuild/protobuf";
import { afterAll, beforeAll, expect, it } from "vitest";
import { seededRandom } from "../../bench/random.js";
import { RejectedItemSchema, RejectionReason } from "../../gen/tally/v1/rejection_pb.js";
import { PartSchema } from "../../gen/tally/v1/run_pb.js";
import type { Connection } from "../../src/db/client.js";
import { startTestServer, type TestServer } from "../support/server.js";
import { outsider } from "./faults.js";
import { compareFigures } from "./figures.js";
import { checkInvariants, type InvariantName } from "./invariants.js";
import { type Acknowledgement, type Attempt, createJournal } from "./journal.js";
import { createAgain } from "./send-again.js";
import { sendPublished, sendRefused, sendUnary } from "./senders.js";
import { compareTotals } from "./totals.js";
import { drawAttempts, type Pool } from "./work.js";

const journal = createJournal();
let server: TestServer;
let db: Connection;
beforeAll(async () => {
  server = await startTestServer();
  db = outsider(server.databaseUrl);
  const random = seededRandom(1);
  const { ingest } = server.client(server.allToken);
  const again = createAgain(journal, random, () => 0);
  const context = { client: { ingest }, journal, random, again };
  const pool: Pool = new Map();
  let names = 0;
  for (const [job, send] of Object.entries({ sendUnary, sendPublished })) {
    const part = create(PartSchema, { job });
    const target = { projectId: server.projectId, runId: "run", part };
    const name = () => `n${names++}`;
    const attempts = drawAttempts(random, journal, pool, target, 200, name);
    await send(context, target, attempts.slice(0, 150));
    await send(context, target, attempts.slice(0, 150));
    await sendRefused(context, target, attempts.slice(0, 1));
  }
});
afterAll(async () => {
  await db[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

it("all hold of what an honest server stored", async () => {
  expect(await checkInvariants(db, journal)).toEqual([]);
  expect(journal.complaints).toEqual([]);
  const project = { projectId: server.projectId, token: server.allToken };
  expect(await compareTotals(db, server.url, [project])).toEqual([]);
  expect(await compareFigures(server.databaseUrl)).toEqual([]);
});

/** One of the rows. */
const one = (table: string, where = "true") =>
  `ctid = (SELECT ctid FROM ${table} WHERE ${where} LIMIT 1)`;

/** The server may have folded all: a row as it was queued. */
const QUEUED = `
  INSERT INTO fold_queue (project_key, run_key, batch_key, test_keys, statuses, durations)
  SELECT project_key, run_key, batch_key, array_agg(test_key), array_agg(status), array_agg(duration_us)
  FROM results
  WHERE batch_key = (SELECT min(batch_key) FROM results)
  GROUP BY project_key, run_key, batch_key
  ON CONFLICT DO NOTHING;`;

it.each<[InvariantName, string]>([
  ["acknowledged ⊆ stored", "DELETE FROM results WHERE status = 1"],
  ["acknowledged ⊆ stored", "UPDATE results SET details = NULL WHERE details IS NOT NULL"],
  ["stored ⊆ attempted", "UPDATE results SET failure_message = 'never sent'"],
  ["stored ⊆ attempted", "UPDATE runs SET run_id = 'another'"],
  [
    "each once",
    `ALTER TABLE results DROP CONSTRAINT results_pkey;
     INSERT INTO results SELECT * FROM results LIMIT 1`,
  ],
  ["a conflict leaves the first content", "DELETE FROM results"],
  ["returned ⊆ kept", `DELETE FROM rejections WHERE ${one("rejections", "kind = 1")}`],
  ["returned ⊆ kept", "DELETE FROM rejections WHERE kind = 2"],
  ["returned ⊆ kept", `UPDATE rejections SET bytes = NULL WHERE ${one("rejections")}`],
  ["kept ⊆ attempted", `UPDATE rejections SET bytes = 'other' WHERE ${one("rejections")}`],
  [
    "the ledger equals a recount",
    `DELETE FROM batches WHERE ${one("batches", "accepted_count > 0")}`,
  ],
  ["the ledger equals a recount", "UPDATE batches SET duration_us = duration_us + 1"],
  ["the ledger equals a recount", `UPDATE results SET status = 5 WHERE ${one("results")}`],
  ["the fold queue equals the rows", `${QUEUED} UPDATE fold_queue SET statuses[1] = 6`],
  [
    "the fold queue equals the rows",
    `${QUEUED} UPDATE fold_queue SET test_keys = test_keys || test_keys[1]`,
  ],
  ["answered ≤ counted", "DELETE FROM batches WHERE conflict_count > 0"],
  ["usage equals a recount", "UPDATE rejection_usage SET kept_bytes = kept_bytes + 1"],
  ["usage equals a recount", "UPDATE test_counts SET test_count = test_count - 1"],
])("%s fails after %s", async (invariant, change) => {
  await db.run(`BEGIN; ${change}`);
  try {
    const violations = await checkInvariants(db, journal);
    expect(violations.map((violation) => violation.invariant)).toContain(invariant);
  } finally {
    await db.run("ROLLBACK");
  }
});

const refused = (attempt: Attempt, reason: RejectionReason): Acknowledgement => ({
  attempt,
  outcome: "refused",
  item: create(RejectedItemSchema, { reason }),
});

it.each<[InvariantName, string, (stored: Attempt, neverSent: Attempt) => Acknowledgement]>([
  [
    "acknowledged ⊆ stored",
    "what was never sent was acknowledged",
    (_, attempt) => ({ attempt, outcome: "stored" }),
  ],
  [
    "committed ⊆ stored ∪ kept",
    "an upload said so of what was never sent",
    (_, attempt) => ({ attempt, outcome: "committed" }),
  ],
  [
    "a conflict leaves the first content",
    "the stored content was answered as the conflict",
    (stored) => refused(stored, RejectionReason.CONFLICT),
  ],
  [
    "only what breaks a rule is refused for it",
    "a result without a fault was refused as invalid",
    (stored) => refused(stored, RejectionReason.INVALID),
  ],
])("%s fails when %s", async (invariant, _, acknowledge) => {
  const stored = journal.acknowledgements.find(({ outcome }) => outcome === "stored")?.attempt;
  if (stored === undefined) throw new Error("nothing was stored");
  const neverSent = { ...stored, target: { ...stored.target, runId: "never sent" } };
  const acknowledgement = acknowledge(stored, neverSent);
  const violations = await checkInvariants(db, {
    ...journal,
    attempts: [...journal.attempts, neverSent],
    acknowledgements: [...journal.acknowledgements, acknowledgement],
  });
  expect(violations.map((violation) => violation.invariant)).toContain(invariant);
});

it("a total that differs is told", async () => {
  // Totals are what is folded and what is not yet.
  for (const table of ["batches", "part_totals"]) {
    await db.run(
      `UPDATE ${table} SET passed_count = passed_count - 1, failed_count = failed_count + 1 WHERE passed_count > 0`,
    );
  }
  const project = { projectId: server.projectId, token: server.allToken };
  const differences = await compareTotals(db, server.url, [project]);
  expect(differences.map((line) => line.slice(0, 8))).toEqual(["GetRun o", "ListRuns"]);
});
