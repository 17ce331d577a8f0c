/** Uploads any number of results to a part of a run, each counted once, across cuts of the connection. */
import { setTimeout as sleep } from "node:timers/promises";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  type PublishResultsRequest,
  PublishResultsRequestSchema,
  type PublishResultsResponse,
  type UploadFinishSchema,
  type UploadOpenSchema,
} from "../../gen/tally/v1/ingest_service_pb.js";
import type { RejectedItem } from "../../gen/tally/v1/rejection_pb.js";
import { limits } from "../limits.js";
import { type Batch, batchFrame, openFrame, toBatches } from "./batches.js";
import type { TallyClient } from "./client.js";
import { retryAfterMs } from "./errors.js";
import type { TestResultInit } from "./fit-result.js";

export interface UploadOptions {
  /** Results in a batch, 1 to 5,000; default 5,000. */
  readonly batchResults?: number;
  /** Bytes in a batch, about; default 2 MiB, which leaves room below the message limit of 4 MiB. */
  readonly batchBytes?: number;
  /**
   * What the `finish` frame says. The number of results is not added: a part may have several uploads, and
   * only its producer knows them all.
   */
  readonly finish?: MessageInitShape<typeof UploadFinishSchema>;
  /** Called after each acknowledgement. */
  readonly onProgress?: (progress: UploadProgressReport) => void;
  /** Ends the upload; what was acknowledged stays. */
  readonly signal?: AbortSignal;
  /** Spreads the waits before resuming; default Math.random. */
  readonly random?: () => number;
}

export interface UploadProgressReport {
  readonly acknowledgedCount: number;
  readonly sentCount: number;
}

/** What became of the results. The counts add up to `sentCount`. */
export interface UploadSummary {
  readonly runId: string;
  readonly runDuplicate: boolean;
  /** Fields of the run or part whose stored value differs; the stored one stays. */
  readonly runConflict: readonly string[];
  readonly sentCount: number;
  readonly acceptedCount: number;
  /** Stored before; after a cut also batches whose acknowledgement was lost. */
  readonly duplicateCount: number;
  readonly conflictCount: number;
  readonly rejectedCount: number;
  /** Conflicts and refusals, the first 100. `index` counts over the upload from 0. */
  readonly rejections: readonly RejectedItem[];
  readonly rejectionsTruncated: boolean;
  /** How often the upload went on over a new stream. */
  readonly resumedCount: number;
}

/**
 * Sends the results and finishes the part. Memory is bounded by the batches that are not acknowledged, of which
 * there are at most 8. When the stream is cut, or ends with a hint to try again, everything not
 * acknowledged is sent again after that time; after 5 cuts without an acknowledgement the last error is thrown.
 * An error of `results` is thrown as it is; the part then stays unfinished.
 */
export async function uploadResults(
  client: Pick<TallyClient, "ingest">,
  open: MessageInitShape<typeof UploadOpenSchema>,
  results: AsyncIterable<TestResultInit> | Iterable<TestResultInit>,
  options: UploadOptions = {},
): Promise<UploadSummary> {
  const random = options.random ?? Math.random;
  const upload = createUpload(open, results, options);
  const callOptions = options.signal === undefined ? {} : { signal: options.signal };
  let cuts = 0;
  for (let resumedCount = 0; ; resumedCount++) {
    let acknowledged = false;
    try {
      const stream = upload.startStream();
      for await (const answer of client.ingest.publishResults(stream.frames, callOptions)) {
        if (stream.take(answer)) acknowledged = true;
        if (answer.finished) return { ...upload.summary(), resumedCount };
      }
      throw new ConnectError("the stream ended before its end was acknowledged", Code.Unavailable);
    } catch (error) {
      const hintMs = retryAfterMs(error);
      cuts = acknowledged ? 1 : cuts + 1;
      const worthwhile = hintMs !== undefined || CUT_CODES.has(ConnectError.from(error).code);
      if (!worthwhile || cuts > MAX_CUTS || options.signal?.aborted) {
        upload.close();
        throw error;
      }
      const backoffMs = FIRST_WAIT_MS * 2 ** (cuts - 1) * (0.5 + random());
      const waitMs = Math.min(MAX_WAIT_MS, Math.max(backoffMs, hintMs ?? 0));
      await sleep(waitMs, undefined, callOptions);
    }
  }
}

function createUpload(
  open: MessageInitShape<typeof UploadOpenSchema>,
  results: AsyncIterable<TestResultInit> | Iterable<TestResultInit>,
  options: UploadOptions,
) {
  const batches = toBatches(results, {
    results: Math.min(options.batchResults ?? limits.resultsPerMessage, limits.resultsPerMessage),
    bytes: options.batchBytes ?? BATCH_BYTES,
  });
  const totals = {
    sentCount: 0,
    acceptedCount: 0,
    duplicateCount: 0,
    conflictCount: 0,
    rejectedCount: 0,
  };
  const rejections: RejectedItem[] = [];
  const runConflict = new Set<string>();
  let rejectionsTruncated = false;
  let runId = open.run?.runId ?? "";
  let runDuplicate: boolean | undefined;
  /** Sent or to be sent, oldest first. */
  let pending: Batch[] = [];
  /** The batch that is being gathered; it outlives the stream that asked for it. */
  let gathering: Promise<IteratorResult<Batch>> | undefined;
  let sourceError: { readonly error: unknown } | undefined;
  let streams = 0;
  let wake = () => {};

  async function* frames(isCurrent: () => boolean): AsyncGenerator<PublishResultsRequest> {
    yield openFrame(open);
    // Only acknowledgements take from the front, and they only take what was sent.
    for (const batch of [...pending]) yield batchFrame(batch);
    while (isCurrent()) {
      if (pending.length >= MAX_PENDING) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      gathering ??= gather();
      const next = await gathering;
      if (!isCurrent()) return;
      if (next.done === true) {
        const value = options.finish ?? {};
        yield create(PublishResultsRequestSchema, { frame: { case: "finish", value } });
        return;
      }
      gathering = undefined;
      pending.push(next.value);
      totals.sentCount += next.value.results.length;
      yield batchFrame(next.value);
    }
  }

  function gather(): Promise<IteratorResult<Batch>> {
    const next = batches.next();
    next.catch((error: unknown) => {
      sourceError = { error };
    });
    return next;
  }

  /** Counts an acknowledgement; true if it moved the upload on. */
  function take(answer: PublishResultsResponse, firstIndex: number): boolean {
    runId = answer.runId;
    runDuplicate ??= answer.runDuplicate;
    for (const field of answer.runConflict) runConflict.add(field);
    totals.acceptedCount += Number(answer.acceptedCount);
    totals.duplicateCount += Number(answer.duplicateCount);
    totals.conflictCount += Number(answer.conflictCount);
    totals.rejectedCount += Number(answer.rejectedCount);
    for (const item of answer.rejections) {
      if (rejections.length === limits.rejectionsPerAnswer) rejectionsTruncated = true;
      else rejections.push({ ...item, index: item.index + BigInt(firstIndex) });
    }
    rejectionsTruncated ||= answer.rejectionsTruncated;
    const before = pending.length;
    const committed = answer.committedSequence;
    if (committed !== undefined) pending = pending.filter(({ sequence }) => sequence > committed);
    wake();
    const unacknowledged = pending.reduce((sum, batch) => sum + batch.results.length, 0);
    const { sentCount } = totals;
    options.onProgress?.({ acknowledgedCount: sentCount - unacknowledged, sentCount });
    return pending.length < before;
  }

  return {
    startStream() {
      const stream = ++streams;
      const firstIndex = pending[0]?.firstIndex ?? totals.sentCount;
      wake();
      return {
        frames: frames(() => stream === streams),
        take: (answer: PublishResultsResponse) => take(answer, firstIndex),
      };
    },
    summary: () => ({
      runId,
      runDuplicate: runDuplicate ?? false,
      runConflict: [...runConflict],
      ...totals,
      rejections,
      rejectionsTruncated,
    }),
    /** Lets go of the results; if they failed, with their own error. */
    close() {
      streams++;
      wake();
      // Not awaited: it waits for the result that the source is working on. Its failure is of no use any more.
      batches.return(undefined).catch(() => {});
      if (sourceError !== undefined) throw sourceError.error;
    },
  };
}

const BATCH_BYTES = 2 * 1024 * 1024;
const MAX_PENDING = 8;
/** A server that stops at once resets its streams, which reads as a cancellation by the other side. */
const CUT_CODES: ReadonlySet<Code> = new Set([Code.Unavailable, Code.Canceled]);
const MAX_CUTS = 5;
const FIRST_WAIT_MS = 200;
const MAX_WAIT_MS = 30_000;
