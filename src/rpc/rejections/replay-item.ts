/** What becomes of one rejection that is sent through ingestion again. */
import { create, fromBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { BadRequestSchema, ErrorInfoSchema } from "../../../gen/google/rpc/error_details_pb.js";
import {
  FinishRunRequestSchema,
  IngestRunRequestSchema,
} from "../../../gen/tally/v1/ingest_service_pb.js";
import { type ReplayEntry, ReplayOutcome } from "../../../gen/tally/v1/rejection_service_pb.js";
import {
  PartSchema,
  RunSchema,
  type TestResult,
  TestResultSchema,
} from "../../../gen/tally/v1/run_pb.js";
import { REJECTION_KINDS, type StoredRejection } from "../../db/rejections.js";
import { ingestBatch } from "../../ingest/ingest-batch.js";
import { storedOtherwise } from "../../ingest/run-facts.js";
import { validateResult } from "../../ingest/validate-result.js";
import { RunGone } from "../../ingest/write-job.js";
import { limits } from "../../limits.js";
import { decodeMessage } from "../../wire/message-reader.js";
import { toCallError } from "../ingest/failures.js";
import { closeRunRequest, validateFinishRun } from "../ingest/finish-run.js";
import { openTarget } from "../ingest/open-target.js";
import { storeRunRequest, validateRunRequest } from "../ingest/store-run-request.js";
import { checkBinaryCount } from "../item-count.js";
import { type Judgement, judged, type Replay } from "./replay.js";
import { replayEvent } from "./replay-event.js";

/** Sends the kept item, or its replacement, and says what became of it; only judges with `validateOnly`. */
export function replayItem(
  replay: Replay,
  rejection: StoredRejection,
  { replacement, idempotencyKey }: ReplayEntry,
): Promise<Judgement> | Judgement {
  const kept = rejection.bytes ?? new Uint8Array();
  if (idempotencyKey !== undefined && rejection.kind !== REJECTION_KINDS.event) {
    return wrongKind("idempotency_key");
  }
  switch (rejection.kind) {
    case REJECTION_KINDS.result: {
      if (replacement.case === "result") {
        return sendResult(replay, rejection, replacement.value, true);
      }
      if (replacement.case !== undefined) return wrongKind(`replacement.${replacement.case}`);
      return sendResult(replay, rejection, decodeMessage(TestResultSchema, kept), false);
    }
    case REJECTION_KINDS.run:
      if (replacement.case !== undefined && replacement.case !== "ingestRunRequest") {
        return wrongKind(`replacement.${replacement.case}`);
      }
      return judge(replay, "", async () => {
        const bytes = replacement.value ?? kept;
        checkBinaryCount(IngestRunRequestSchema, bytes);
        return sendRun(replay, bytes, rejection.rejectionId);
      });
    case REJECTION_KINDS.finish:
      if (replacement.case !== undefined && replacement.case !== "finishRunRequest") {
        return wrongKind(`replacement.${replacement.case}`);
      }
      return sendFinish(replay, rejection, replacement.value ?? kept);
    default:
      if (replacement.case !== undefined && replacement.case !== "event") {
        return wrongKind(`replacement.${replacement.case}`);
      }
      return replayEvent(replay, rejection, { payload: replacement.value, idempotencyKey });
  }
}

async function sendResult(
  replay: Replay,
  rejection: StoredRejection,
  result: TestResult,
  isReplaced: boolean,
): Promise<Judgement> {
  if (replay.validateOnly) return judged(validateResult(result));
  const { deps, project, tokenId, retry } = replay;
  const request = create(IngestRunRequestSchema, {
    run: create(RunSchema, { runId: rejection.runId }),
    part: fromBinary(PartSchema, rejection.part),
  });
  const opening = { request, violations: [], streamed: false };
  return judge(replay, rejection.runId, async () => {
    const { target } = await openTarget(deps, project, tokenId, opening, retry);
    const outcome = await ingestBatch(deps, target, [result], rejection.index, retry);
    const [refused] = outcome.refused;
    if (refused === undefined) {
      return {
        outcome: outcome.acceptedCount > 0 ? ReplayOutcome.ACCEPTED : ReplayOutcome.DUPLICATE,
      };
    }
    return {
      outcome: outcome.conflictCount > 0 ? ReplayOutcome.CONFLICT : ReplayOutcome.REJECTED,
      fieldViolations: refused.violations.slice(0, limits.violationsPerItem),
      newRejectionId: isReplaced ? refused.rejectionId : "",
    };
  });
}

async function sendRun(replay: Replay, bytes: Uint8Array, rejectionId: string): Promise<Judgement> {
  const request = decode(() => decodeMessage(IngestRunRequestSchema, bytes));
  if (request === null) return undecodable("ingest_run_request");
  if (replay.validateOnly) return judged(validateRunRequest(request));
  const { deps, project, tokenId, retry } = replay;
  const sent = judge(replay, request.run?.runId ?? "", async () => {
    const stored = await storeRunRequest(deps, project, tokenId, request, retry);
    const { summary, outcome, conflicts, conflictId } = stored;
    if (conflicts.length > 0) {
      return {
        outcome: ReplayOutcome.CONFLICT,
        fieldViolations: conflicts.slice(0, limits.violationsPerItem),
        newRejectionId: conflictId,
      };
    }
    const isNew = !summary.runDuplicate || outcome.acceptedCount > 0;
    // Refused results of it are rejections of their own now.
    return {
      outcome: isNew ? ReplayOutcome.ACCEPTED : ReplayOutcome.DUPLICATE,
      newRejectionId: outcome.refused[0]?.rejectionId ?? "",
    };
  });
  const judgement = await sent;
  return judgement.newRejectionId === rejectionId
    ? { ...judgement, newRejectionId: "" }
    : judgement;
}

async function sendFinish(
  replay: Replay,
  { rejectionId }: StoredRejection,
  bytes: Uint8Array,
): Promise<Judgement> {
  const request = decode(() => decodeMessage(FinishRunRequestSchema, bytes));
  if (request === null) return undecodable("finish_run_request");
  const violations = validateFinishRun(request);
  if (replay.validateOnly || violations.length > 0) return judged(violations);
  const { deps, project, tokenId, retry } = replay;
  return judge(replay, request.runId, async () => {
    const closed = await closeRunRequest(deps, project, tokenId, request, retry);
    if (closed === null) {
      return judged([{ field: "run_id", description: "there is no such run" }]);
    }
    if (closed.conflicts.length > 0) {
      return {
        outcome: ReplayOutcome.CONFLICT,
        fieldViolations: closed.conflicts.map(storedOtherwise),
        newRejectionId: closed.conflictId === rejectionId ? "" : closed.conflictId,
      };
    }
    await deps.settleRun(project.projectKey, closed.runKey, retry);
    return { outcome: closed.duplicate ? ReplayOutcome.DUPLICATE : ReplayOutcome.ACCEPTED };
  });
}

/** A bad run, or one that takes nothing, refuses the entry alone; other failures end the call. */
async function judge(
  { deps, project, context }: Replay,
  runId: string,
  send: () => Promise<Judgement>,
): Promise<Judgement> {
  try {
    return await send();
  } catch (error) {
    const cause =
      error instanceof RunGone ? await toCallError(deps, project, runId, error, context) : error;
    if (cause instanceof ConnectError && cause.code === Code.FailedPrecondition) {
      const [violations] = cause.findDetails(BadRequestSchema);
      return judged(
        violations?.fieldViolations ?? [{ field: "run_id", description: cause.rawMessage }],
      );
    }
    if (cause instanceof ConnectError && cause.code === Code.InvalidArgument) {
      const [violations] = cause.findDetails(BadRequestSchema);
      const [info] = cause.findDetails(ErrorInfoSchema);
      return {
        ...judged(violations?.fieldViolations ?? []),
        outcome: ReplayOutcome.REJECTED,
        newRejectionId: info?.metadata["rejection_id"] ?? "",
      };
    }
    throw cause;
  }
}

function wrongKind(field: string): Judgement {
  return judged([{ field, description: "does not fit this rejection" }]);
}

function undecodable(field: string): Judgement {
  return judged([{ field: `replacement.${field}`, description: "does not decode" }]);
}

function decode<T>(read: () => T): T | null {
  try {
    return read();
  } catch {
    // Bytes of a client: malformed is one of the answers.
    return null;
  }
}
