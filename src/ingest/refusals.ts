/** Keeps what is refused: as it was decoded, under an id derived from its content. */
import { toBinary } from "@bufbuild/protobuf";
import {
  type FinishRunRequest,
  FinishRunRequestSchema,
  type IngestRunRequest,
  IngestRunRequestSchema,
} from "../../gen/tally/v1/ingest_service_pb.js";
import {
  PartSchema,
  Status,
  type TestResult,
  TestResultSchema,
} from "../../gen/tally/v1/run_pb.js";
import type { Queryable } from "../db/queryable.js";
import { keepRefusals, type RefusalRow } from "../db/refusals.js";
import { REJECTION_KINDS, REJECTION_REASONS } from "../db/rejections.js";
import { type RetryOptions, withRetries } from "../db/retry.js";
import type { Violation } from "../errors.js";
import { limits } from "../limits.js";
import { repairText } from "../text.js";
import { type PartFacts, rejectionId, testId } from "./identity.js";
import { RunGone } from "./write-job.js";

/** Where refused items come from. */
export interface RefusalOrigin {
  readonly projectKey: string;
  readonly runId: string;
  /** Null where the run does not exist. */
  readonly runKey: string | null;
  readonly part: PartFacts;
  readonly partId: Uint8Array;
  readonly tokenId: string;
  /** Of the ledger's row, drawn once a call. */
  readonly batchKey: string;
}

export type RefusalReason = (typeof REJECTION_REASONS)[keyof typeof REJECTION_REASONS];

/** A result that is refused. */
export interface RefusedResult {
  /** Position in its request or stream. */
  readonly index: number;
  readonly result: TestResult;
  /** As given, or as the server made it. */
  readonly resultId: string;
  readonly reason: RefusalReason;
  readonly violations: readonly Violation[];
}

/** Ids of the kept results, lower-case hex, in their order. Throws RunGone: then nothing is kept. */
export async function refuseResults(
  db: Queryable,
  origin: RefusalOrigin,
  refused: readonly RefusedResult[],
  retry: RetryOptions,
): Promise<string[]> {
  const rows = new Map<string, RefusalRow>();
  const copies = new Map<string, number>();
  const ids = refused.map((item) => {
    const bytes = toBinary(TestResultSchema, item.result);
    const id = (copy: number) =>
      rejectionId(
        REJECTION_KINDS.result,
        origin.runId,
        [origin.partId, item.resultId, String(copy)],
        bytes,
      );
    // Equal items of one message are different refusals, and the same ones when it is sent again.
    const first = id(0).toString("hex");
    const copy = copies.get(first) ?? 0;
    copies.set(first, copy + 1);
    const own = id(copy);
    rows.set(own.toString("hex"), {
      rejectionId: own,
      kind: REJECTION_KINDS.result,
      reason: item.reason,
      violations: item.violations.slice(0, limits.violationsPerItem),
      violationsTruncated: item.violations.length > limits.violationsPerItem,
      index: item.index,
      resultId: repairText(item.resultId.slice(0, limits.nameBytes)),
      ...said(item.result),
      bytes,
    });
    return own.toString("hex");
  });
  const conflictCount = refused.filter((r) => r.reason === REJECTION_REASONS.conflict).length;
  const rejectedCount = refused.length - conflictCount;
  await keep(db, origin, [...rows.values()], { conflictCount, rejectedCount }, retry);
  return ids;
}

/** What a refused result tells of its part, as far as it can be read. */
function said({
  status,
  test,
  attempt,
}: TestResult): Pick<RefusalRow, "status" | "testId" | "attempt"> {
  return {
    status: status in Status && status !== Status.UNSPECIFIED ? status : null,
    testId: test === undefined ? null : testId(test),
    attempt: Math.min(Math.max(1, attempt), limits.attempts),
  };
}

/** A refused run or finish: the request that carried it, and what is wrong with it. */
export interface RefusedRequest {
  readonly request: IngestRunRequest | FinishRunRequest;
  readonly reason: RefusalReason;
  readonly violations: readonly Violation[];
}

/** The id of the kept request, lower-case hex. Throws RunGone: then nothing is kept. */
export async function refuseRequest(
  db: Queryable,
  origin: RefusalOrigin,
  { request, reason, violations }: RefusedRequest,
  retry: RetryOptions,
): Promise<string> {
  const isFinish = request.$typeName === "tally.v1.FinishRunRequest";
  const kind = isFinish ? REJECTION_KINDS.finish : REJECTION_KINDS.run;
  const bytes = isFinish
    ? toBinary(FinishRunRequestSchema, request)
    : toBinary(IngestRunRequestSchema, request);
  const id = rejectionId(kind, origin.runId, [origin.partId], bytes);
  const row: RefusalRow = {
    rejectionId: id,
    kind,
    reason,
    violations: violations.slice(0, limits.violationsPerItem),
    violationsTruncated: violations.length > limits.violationsPerItem,
    index: 0,
    resultId: "",
    status: null,
    testId: null,
    attempt: null,
    bytes,
  };
  await keep(db, origin, [row], { conflictCount: 0, rejectedCount: 0 }, retry);
  return id.toString("hex");
}

async function keep(
  db: Queryable,
  origin: RefusalOrigin,
  rows: readonly RefusalRow[],
  counts: { readonly conflictCount: number; readonly rejectedCount: number },
  retry: RetryOptions,
): Promise<void> {
  const { projectKey, runKey, part, partId, tokenId, batchKey } = origin;
  const source = {
    projectKey,
    runId: repairText(origin.runId.slice(0, limits.nameBytes)),
    runKey,
    partId,
    part: toBinary(PartSchema, { $typeName: "tally.v1.Part", ...part }),
    client: tokenId,
    tokenId,
    batchKey,
    ...counts,
  };
  const live = await withRetries(
    () => keepRefusals(db, source, rows, limits.keptRefusalBytesPerProject, retry.deadlineAt),
    retry,
  );
  if (!live) throw new RunGone();
}
