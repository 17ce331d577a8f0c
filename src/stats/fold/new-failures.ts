/** The failures among results that are folded: read by key, a page at a time, and fingerprinted. */
import {
  type FailingResult,
  type PageStart,
  type RunTest,
  readFailingResults,
} from "../../db/failing-results.js";
import type { FailureGroup, FailureRow } from "../../db/fold-rows.js";
import type { Queryable } from "../../db/queryable.js";
import { heavyStep } from "../../heavy-steps.js";
import { fingerprintFailure } from "../failure-fingerprint.js";
import { readFailureText } from "../failure-text.js";
import { type ChunkBatch, isLiving } from "./chunk.js";
import type { FailureChanges } from "./failure-changes.js";
import { type Claim, hasCode, judgeClaims } from "./judge-failures.js";

/** Of one read: with the longest messages 12 KiB each. */
const RESULTS_PER_READ = 2_000;
/** About a millisecond of masking and hashing. */
const RESULTS_PER_STEP = 50;

const FAILED = 2;
const ERRORED = 3;

/** The failures of these rows of the queue, judged. Those of deleted runs are left out: they are going. */
export async function readNewFailures(
  db: Queryable,
  projectKey: string,
  batches: readonly ChunkBatch[],
): Promise<FailureChanges> {
  const living = batches.filter(isLiving);
  const tests = failingTests(living);
  if (tests.length === 0) return { changes: [], groups: [] };
  const batchOf = new Map(living.map((batch) => [batch.batchKey, batch]));
  const groups = new Map<string, FailureGroup>();
  const rows: FailureRow[] = [];
  const claims: Claim[] = [];
  for await (const page of pagesOf(db, projectKey, tests, [...batchOf.keys()])) {
    for (const [i, result] of page.entries()) {
      if (i % RESULTS_PER_STEP === RESULTS_PER_STEP - 1) await heavyStep();
      const batch = batchOf.get(result.batchKey);
      if (batch === undefined) continue;
      const group = groupOf(result);
      if (!groups.has(group.fingerprint)) groups.set(group.fingerprint, group);
      const testKey = tests[result.index]?.testKey ?? 0;
      rows.push(toRow(result, batch, testKey, group.fingerprint));
      claims.push({ testKey, job: batch.job, run: batch.run });
    }
  }
  const failed = rows.flatMap((row, i) => (row.status === FAILED ? [i] : []));
  // What is folded of equal runs may stand by a pass that goes with these rows.
  const known = batches.every(({ slice }) => slice.weight === 1) ? "first" : "last";
  const judged = await judgeClaims(
    db,
    projectKey,
    failed.flatMap((i) => claims[i] ?? []),
    known,
  );
  const contradicted = new Set(failed.filter((_, i) => judged[i]));
  return {
    changes: rows.map((row, i) => ({
      before: null,
      after: { ...row, contradicted: contradicted.has(i) },
    })),
    groups: [...groups.values()],
  };
}

/** The tests with failing results, by run. */
function failingTests(batches: readonly ChunkBatch[]): RunTest[] {
  const tests = new Map<string, RunTest>();
  for (const { run, slice } of batches) {
    for (let i = 0; i < slice.statuses.length; i++) {
      const status = slice.statuses[i];
      if (status !== FAILED && status !== ERRORED) continue;
      const testKey = slice.testKeys[i] ?? 0;
      const key = `${run.runKey} ${testKey}`;
      if (!tests.has(key)) tests.set(key, { runKey: run.runKey, runDay: run.runDay, testKey });
    }
  }
  return [...tests.values()];
}

async function* pagesOf(
  db: Queryable,
  projectKey: string,
  tests: readonly RunTest[],
  batchKeys: readonly string[],
): AsyncGenerator<FailingResult[]> {
  for (let from = 0; from < tests.length; from += RESULTS_PER_READ) {
    const some = tests.slice(from, from + RESULTS_PER_READ);
    let after: PageStart | null = { index: 0, resultId: "" };
    while (after !== null) {
      const page: FailingResult[] = await readFailingResults(
        db,
        projectKey,
        some,
        batchKeys,
        after,
        RESULTS_PER_READ,
      );
      yield page.map((result) => ({ ...result, index: result.index + from }));
      after = page.length < RESULTS_PER_READ ? null : (page.at(-1) ?? null);
    }
  }
}

function groupOf({ message, details }: FailingResult): FailureGroup {
  const text = readFailureText(details);
  const { fingerprint, masked } = fingerprintFailure({ ...text, message });
  const { kind, type } = text;
  return { fingerprint, kind, type, maskedMessage: masked };
}

function toRow(
  { resultId, status, attempt }: FailingResult,
  { run, job, slice }: ChunkBatch,
  testKey: number,
  fingerprint: string,
): FailureRow {
  // What errored contradicts nothing.
  const coded = status === FAILED && hasCode(run);
  return {
    runKey: run.runKey,
    testKey,
    resultId,
    fingerprint,
    countedUs: slice.run.countedUs,
    status,
    attempt,
    contradicted: false,
    job,
    commitSha: coded ? run.commitSha : "",
    treeSha: coded ? run.treeSha : "",
  };
}
