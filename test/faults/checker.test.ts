/** The checker sees what a wrong server does, and finds nothing wrong with the right one. */
import { expect, it, vi } from "vitest";
import { createTestDatabase } from "../support/database.js";
import { type FaultKind, outsider } from "./faults.js";
import { type MixOptions, type MixOutcome, runMix } from "./mix.js";
import { type Mistake, makeWrongServer } from "./wrong-server.js";

vi.setConfig({ testTimeout: 120_000 });

/** Two seconds, in which what waits for a lock is lost with its server. */
const KILLED = {
  seed: 7,
  seconds: 2,
  kinds: ["kill server under lock", "cut clients in mid-message"] satisfies FaultKind[],
};
/** One second of cuts, after which clients send again. */
const CUT = {
  seed: 7,
  seconds: 1,
  kinds: ["cut clients in mid-message"] satisfies FaultKind[],
};

async function run(options: Omit<MixOptions, "databaseUrl">): Promise<MixOutcome> {
  await using database = await createTestDatabase();
  return await runMix({ databaseUrl: database.url, ...options });
}

async function violatedBy(mistake: Mistake, options: Omit<MixOptions, "databaseUrl">) {
  await using server = await makeWrongServer(mistake);
  const { violations } = await run({ ...options, program: server.program });
  return violations.map(({ invariant }) => invariant);
}

it("passes the server as it is", async () => {
  const { violations, complaints, journal } = await run(KILLED);
  expect(violations).toEqual([]);
  expect(complaints).toEqual([]);
  expect(journal.acknowledgements.length).toBeGreaterThan(0);
});

it("catches a server that acknowledges before it commits", async () => {
  const violated = await violatedBy(
    {
      file: "src/ingest/result-store.js",
      right:
        "const inserted = await withRetries(() => insertWithPartition(lane, batch, deadlineAt), retry);",
      wrong: `withRetries(() => insertWithPartition(lane, batch, deadlineAt), retry).catch(() => {});
      const inserted = { deadGroups: [], leftOut: [], unsettledGroups: [] };`,
    },
    KILLED,
  );
  expect(violated).toContain("acknowledged ⊆ stored");
});

it("catches a server that stores without the key", async () => {
  const { violations } = await run({
    ...CUT,
    prepare: async (url) => {
      await using db = outsider(url);
      await db.run("ALTER TABLE results DROP CONSTRAINT results_pkey");
    },
  });
  expect(violations.map(({ invariant }) => invariant)).toContain("each once");
});

it("catches a server that does not keep what it refuses", async () => {
  const violated = await violatedBy(
    {
      file: "src/ingest/refusals.js",
      right:
        "await withRetries(() => keepRefusals(db, source, rows, limits.keptRefusalBytesPerProject, retry.deadlineAt), retry);",
      wrong: "true;",
    },
    CUT,
  );
  expect(violated).toContain("returned ⊆ kept");
});

it("catches a server that takes a conflict for a repeat", async () => {
  const violated = await violatedBy(
    {
      file: "src/ingest/result-store.js",
      right: "else if (!row.same)",
      wrong: "else if (false)",
    },
    CUT,
  );
  expect(violated).toContain("acknowledged ⊆ stored");
});

it("catches a server that folds again what it has folded", async () => {
  await using server = await makeWrongServer({
    file: "src/db/fold-total-clauses.js",
    right: "AND t.batch_key = d.batch_key",
    wrong: "AND t.batch_key = -1",
  });
  const { complaints } = await run({ ...KILLED, program: server.program });
  expect(complaints.join("\n")).toMatch(/^test_days: sums of test /m);
});
