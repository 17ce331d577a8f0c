/** The pipeline of one message of results: validate, columns, tests, writer, refusals. */
import type { Test, TestResult } from "../../gen/tally/v1/run_pb.js";
import type { Queryable } from "../db/queryable.js";
import { REJECTION_REASONS } from "../db/rejections.js";
import type { ResultRow } from "../db/results.js";
import type { RetryOptions } from "../db/retry.js";
import type { Violation } from "../errors.js";
import { inSteps } from "../heavy-steps.js";
import { limits } from "../limits.js";
import { toRow } from "./columns.js";
import { defaultResultIds, type PartFacts } from "./identity.js";
import { type RefusedResult, refuseResults } from "./refusals.js";
import type { ResultWriter } from "./result-writer.js";
import type { TestDirectory } from "./test-directory.js";
import { validateResult } from "./validate-result.js";

/** The part of a run that results belong to, and who sends them. */
export interface IngestTarget {
  readonly projectKey: string;
  readonly runId: string;
  readonly runKey: string;
  readonly runDay: string;
  readonly part: PartFacts;
  readonly partId: Uint8Array;
  readonly tokenId: string;
}

export interface BatchOutcome {
  readonly acceptedCount: number;
  readonly duplicateCount: number;
  readonly conflictCount: number;
  readonly rejectedCount: number;
  /** Conflicts and refusals by index, with the ids under which they are kept. */
  readonly refused: readonly (RefusedResult & { readonly rejectionId: string })[];
  /** The run's state may have changed. */
  readonly unsettled: boolean;
}

export interface BatchDeps {
  readonly db: Queryable;
  readonly tests: TestDirectory;
  readonly writer: ResultWriter;
  /** 63 random bits in decimal. */
  readonly drawKey: () => string;
}

/**
 * Stores what is valid and new, keeps what is refused, and counts everything once. Everything that the
 * answer counts is committed. `firstIndex` is the position of the first result in its stream.
 */
export async function ingestBatch(
  deps: BatchDeps,
  target: IngestTarget,
  results: readonly TestResult[],
  firstIndex: number,
  retry: RetryOptions,
): Promise<BatchOutcome> {
  const idOf = defaultResultIds(target.part);
  const refused: RefusedResult[] = [];
  const refuse = (
    at: number,
    reason: RefusedResult["reason"],
    violations: readonly Violation[],
  ) => {
    const result = results[at];
    if (result === undefined) return;
    const resultId = result.resultId || idOf(Math.max(1, result.attempt), result.repeatIndex);
    refused.push({ index: firstIndex + at, result, resultId, reason, violations });
  };

  const valid: { readonly at: number; readonly result: TestResult }[] = [];
  const tests: Test[] = [];
  await inSteps(results, (result, at) => {
    const violations = validateResult(result);
    if (violations.length > 0 || result.test === undefined) {
      refuse(at, REJECTION_REASONS.invalid, violations);
    } else {
      valid.push({ at, result });
      tests.push(result.test);
    }
  });
  const keys = await deps.tests.resolve(target.projectKey, tests, retry);
  const rows: ResultRow[] = [];
  const positions: number[] = [];
  await inSteps(valid, ({ at, result }, i) => {
    const testKey = keys[i] ?? null;
    if (testKey === null) {
      refuse(at, REJECTION_REASONS.tooManyTests, [TOO_MANY_TESTS]);
    } else if (typeof testKey === "object") {
      refuse(at, REJECTION_REASONS.unstorable, [unstorable("test", testKey.reason)]);
    } else {
      rows.push(toRow(result, idOf, testKey));
      positions.push(at);
    }
  });

  const { projectKey, runKey, runDay, partId, tokenId } = target;
  const { deadlineAt } = retry;
  const job = { projectKey, runKey, runDay, partId, tokenId, rows, deadlineAt };
  const written = await deps.writer.write(job);
  const positionOf = (index: number) => positions[index] ?? 0;
  for (const index of written.conflicts) {
    refuse(positionOf(index), REJECTION_REASONS.conflict, [CONFLICT]);
  }
  for (const { index, reason } of written.unstorable) {
    refuse(positionOf(index), REJECTION_REASONS.unstorable, [unstorable("", reason)]);
  }

  refused.sort((a, b) => a.index - b.index);
  const ids = refused.length === 0 ? [] : await keep(deps, target, refused, retry);
  return {
    acceptedCount: written.acceptedCount,
    duplicateCount: written.duplicates.length,
    conflictCount: written.conflicts.length,
    rejectedCount: refused.length - written.conflicts.length,
    refused: refused.map((item, i) => ({ rejectionId: ids[i] ?? "", ...item })),
    unsettled: written.unsettled || refused.length > 0,
  };
}

function keep(
  { db, drawKey }: BatchDeps,
  target: IngestTarget,
  refused: readonly RefusedResult[],
  retry: RetryOptions,
): Promise<string[]> {
  return refuseResults(db, { batchKey: drawKey(), ...target }, refused, retry);
}

/** About how many bytes a message holds in memory until it is committed. */
export function sizeOf(results: readonly TestResult[]): number {
  let bytes = 0;
  for (const { stdout, stderr, failure } of results) {
    bytes += 500 + stdout.length + stderr.length;
    if (failure !== undefined) bytes += failure.message.length + failure.trace.length;
  }
  return bytes;
}

function unstorable(field: string, reason: string): Violation {
  return { field, description: `the database cannot store it: ${reason}`.slice(0, 500) };
}

const TOO_MANY_TESTS: Violation = {
  field: "test",
  description: `is new, and the project has reached its ${limits.testsPerProject} distinct tests`,
};
const CONFLICT: Violation = {
  field: "result_id",
  description: "is stored for this test with other content; the first stays",
};
