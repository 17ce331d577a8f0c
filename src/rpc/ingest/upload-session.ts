/**
 * One uploading stream: opens the run, commits batches as they come (several at a time), acknowledges them
 * in their order, and finishes the part. UploadResults and PublishResults differ only in what they do with
 * the acknowledgements.
 */
import { create } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import {
  type IngestRunRequest,
  IngestRunRequestSchema,
  type UploadBatch,
  type UploadFinish,
  type UploadOpen,
  UploadProgressSchema,
} from "../../../gen/tally/v1/ingest_service_pb.js";
import { invalidArgument, withDetail } from "../../errors.js";
import { type BatchOutcome, ingestBatch, sizeOf } from "../../ingest/ingest-batch.js";
import { toMicros } from "../../ingest/rules.js";
import { validateFinish, validateOpenedRun, validatePart } from "../../ingest/validate-run.js";
import { checkResultCount } from "../check-count.js";
import type { CallContext } from "../handler.js";
import type { ProjectRef } from "../resolve-project.js";
import { toCallError } from "./failures.js";
import { type FinishedTarget, finishTarget } from "./finish-target.js";
import { type IngestDeps, retryOf, tokenOf } from "./ingest-deps.js";
import { keepConflict, requestPaths } from "./keep-conflict.js";
import { openRoom } from "./message-room.js";
import { type OpenedTarget, openTarget } from "./open-target.js";
import { createOrderedQueue } from "./ordered-queue.js";
import { reportBatch } from "./report.js";
import { addConflicts, addOutcome, emptySummary, type Summary } from "./summary.js";

/** The frames of both streams. */
export interface UploadFrame {
  readonly frame:
    | { readonly case: "open"; readonly value: UploadOpen }
    | { readonly case: "batch"; readonly value: UploadBatch }
    | { readonly case: "finish"; readonly value: UploadFinish }
    | { readonly case: undefined; readonly value?: undefined };
}

/** What happened since the acknowledgement before. */
export interface Acknowledgement {
  readonly summary: Summary;
  readonly committedSequence: bigint | undefined;
  readonly finished: boolean;
}

/** Batches of one stream under way: enough to fill two lanes while the next are read. */
const BATCHES_UNDER_WAY = 4;

/**
 * Acknowledges `open`, each batch, and `finish`. When the stream is cut or breaks a rule, what was read is
 * committed and acknowledged first; then the error is thrown, with UploadProgress. `onProject` learns the
 * project before anything is stored.
 */
export async function* uploadSession(
  deps: IngestDeps,
  frames: AsyncIterable<UploadFrame>,
  context: CallContext,
  onProject: (project: ProjectRef) => void,
): AsyncGenerator<Acknowledgement> {
  const iterator = frames[Symbol.asyncIterator]();
  const open = await readOpen(iterator);
  if (open === null) return;
  const project = await deps.resolveProject(open.projectId, context);
  onProject(project);
  const opened = await openStream(deps, project, open, context);
  let committedSequence: bigint | undefined;
  const acknowledge = (summary: Summary, finished = false) => ({
    summary,
    committedSequence,
    finished,
  });
  const first = emptySummary(opened.target.runId);
  first.runDuplicate = opened.runDuplicate;
  addConflicts(first, opened.runConflict);
  yield acknowledge(first);

  const batches = createOrderedQueue<CommittedBatch>(BATCHES_UNDER_WAY);
  let finish: UploadFinish | null = null;
  const reading = readBatches(deps, project, opened, iterator, batches, context).then((frame) => {
    finish = frame;
  });
  // Its failure reaches the loop below through the queue.
  reading.catch(() => {});
  try {
    for await (const { sequence, outcome } of batches) {
      committedSequence = sequence;
      const summary = emptySummary(opened.target.runId);
      summary.runDuplicate = opened.runDuplicate;
      addOutcome(summary, outcome);
      yield acknowledge(summary);
    }
    if (finish === null) return;
    const summary = emptySummary(opened.target.runId);
    summary.runDuplicate = opened.runDuplicate;
    const { conflicts, otherProducers } = await finishStream(deps, opened, open, finish, context);
    addConflicts(summary, conflicts);
    summary.otherProducers = [...otherProducers];
    yield acknowledge(summary, true);
  } catch (error) {
    const cause = await toCallError(deps, project, opened.target.runId, error, context);
    const progress = committedSequence === undefined ? {} : { committedSequence };
    throw withDetail(cause, { desc: UploadProgressSchema, value: progress });
  } finally {
    batches.stop();
  }
}

interface CommittedBatch {
  readonly sequence: bigint;
  readonly outcome: BatchOutcome;
}

/** The first frame; null if the stream ends without one. */
async function readOpen(iterator: AsyncIterator<UploadFrame>): Promise<UploadOpen | null> {
  const { value, done } = await iterator.next();
  if (done === true) return null;
  if (value.frame.case !== "open") throw outOfPlace(value, "the first frame must be open");
  return value.frame.value;
}

async function openStream(
  deps: IngestDeps,
  project: ProjectRef,
  open: UploadOpen,
  context: CallContext,
): Promise<OpenedTarget> {
  const violations = [...validateOpenedRun(open.run), ...validatePart(open.part, "open.part")];
  const request = asRequest(open);
  const retry = retryOf(deps, context);
  try {
    const opening = { request, violations, streamed: true };
    const opened = await openTarget(deps, project, tokenOf(context), opening, retry);
    await keepConflict(deps, opened.target, request, requestPaths(opened.runConflict), retry);
    return opened;
  } catch (error) {
    throw await toCallError(deps, project, open.run?.runId ?? "", error, context);
  }
}

/**
 * Hands the batches to the pipeline until the stream ends; its `finish` frame, or null. Reads on only
 * while the server has room.
 */
async function readBatches(
  deps: IngestDeps,
  project: ProjectRef,
  { target }: OpenedTarget,
  iterator: AsyncIterator<UploadFrame>,
  batches: ReturnType<typeof createOrderedQueue<CommittedBatch>>,
  context: CallContext,
): Promise<UploadFinish | null> {
  let expected: bigint | undefined;
  let index = 0;
  const room = openRoom(deps, project, context);
  try {
    while (await batches.room()) {
      const { value, done } = await iterator.next();
      if (done === true) break;
      const { frame } = value;
      if (frame.case === "finish") {
        const violations = validateFinish(frame.value);
        if (violations.length > 0) throw invalidArgument(violations);
        batches.end();
        return frame.value;
      }
      if (frame.case !== "batch") throw outOfPlace(value, "after open come batches, then finish");
      const { sequence, results } = frame.value;
      if (sequence < 0n || (expected !== undefined && sequence !== expected)) {
        throw sequenceGap(sequence, expected ?? 0n);
      }
      expected = sequence + 1n;
      checkResultCount("batch.results", results.length);
      const firstIndex = index;
      index += results.length;
      const release = await room.handOver(sizeOf(results));
      const startedAt = deps.now();
      const retry = retryOf(deps, context);
      const commit = async () => {
        try {
          const outcome = await ingestBatch(deps, target, results, firstIndex, retry);
          reportBatch(deps, project, target.runId, outcome, startedAt, context);
          if (outcome.unsettled) await deps.settleRun(target.projectKey, target.runKey, retry);
          return { sequence, outcome };
        } finally {
          release();
        }
      };
      batches.push(commit());
    }
    batches.end();
    return null;
  } catch (error) {
    batches.fail(error);
    throw error;
  } finally {
    room.close();
  }
}

async function finishStream(
  deps: IngestDeps,
  { target }: OpenedTarget,
  open: UploadOpen,
  finish: UploadFinish,
  context: CallContext,
): Promise<FinishedTarget> {
  const retry = retryOf(deps, context);
  const facts = {
    status: finish.status ?? null,
    finishUs: finish.finishTime === undefined ? null : toMicros(finish.finishTime),
    durationUs: finish.duration === undefined ? null : toMicros(finish.duration),
    expectedCount:
      finish.expectedResultCount === undefined ? null : Number(finish.expectedResultCount),
  };
  const finished = await finishTarget(deps, target, facts, retry);
  const conflicts = requestPaths(finished.conflicts);
  await keepConflict(deps, target, asRequest(open, finish), conflicts, retry);
  await deps.settleRun(target.projectKey, target.runKey, retry);
  return finished;
}

/** A stream's run and finish as the IngestRun that says the same: so they are kept when they are refused. */
function asRequest(open: UploadOpen, finish?: UploadFinish): IngestRunRequest {
  const { run, part } = open;
  const request = create(IngestRunRequestSchema);
  if (part !== undefined) request.part = part;
  if (run !== undefined) {
    request.run = { ...run };
    if (finish?.status !== undefined) request.run.status = finish.status;
    if (finish?.finishTime !== undefined) request.run.finishTime = finish.finishTime;
    if (finish?.duration !== undefined) request.run.duration = finish.duration;
  }
  if (finish?.expectedResultCount !== undefined) {
    request.expectedResultCount = finish.expectedResultCount;
  }
  return request;
}

/** INVALID_ARGUMENT at the frame. */
export function outOfPlace({ frame }: UploadFrame, description: string): ConnectError {
  return invalidArgument([{ field: frame.case ?? "frame", description }], {
    reason: "FRAME_OUT_OF_PLACE",
  });
}

function sequenceGap(sequence: bigint, expected: bigint): ConnectError {
  const description = `is ${sequence}, expected ${expected}`;
  return invalidArgument([{ field: "batch.sequence", description }], { reason: "SEQUENCE_GAP" });
}
