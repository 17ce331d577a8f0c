/** What of an upload is on its way, and what became of the rest. Streams come and go; this stays. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type PublishResultsResponse,
  UploadOpenSchema,
} from "../../gen/tally/v1/ingest_service_pb.js";
import type { RejectedItem } from "../../gen/tally/v1/rejection_pb.js";
import { limits } from "../limits.js";
import type { Batch, BatchSource } from "./batches.js";
import type { Frame, UploadFinishInit } from "./frames.js";

export type UploadOpenInit = MessageInitShape<typeof UploadOpenSchema>;

/** What became of the results that were sent. */
export interface UploadCounts {
  readonly runId: string;
  readonly runDuplicate: boolean;
  /** Fields of the run or part whose stored value differs; the stored one stays. Labels that found no room, too. */
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
  /** Of the same job, attempt and shard, known once the part is finished: what several report may be counted twice. */
  readonly otherProducers: readonly string[];
}

export interface UploadOptions {
  readonly open: UploadOpenInit;
  readonly source: BatchSource;
  /** What the finish frame says, asked when all batches are given; undefined sends none. */
  readonly finish: () => UploadFinishInit | undefined;
  /** Called with each batch as it is acknowledged. */
  readonly onAcknowledged?: (batch: Batch) => void;
}

/** How a stream ended that was not broken: it paused, or it said everything; else something cut it. */
export type StreamEnd = "done" | "pause" | "cut";

export interface UploadStream {
  readonly frames: AsyncIterable<Frame>;
  /** Counts an acknowledgement; true if it acknowledges a batch. */
  take(answer: PublishResultsResponse): boolean;
  /** Asked when the answers have ended. */
  end(): StreamEnd;
}

export interface UploadState {
  /** Frames from the first batch on that is not acknowledged; ends those of the stream before. */
  startStream(): UploadStream;
  readonly counts: UploadCounts;
  /** Results that were sent and are not acknowledged. */
  readonly unacknowledgedCount: number;
  /** Ends the frames of the last stream. */
  close(): void;
}

/** An upload of which nothing has been sent. At most 8 batches are on their way. */
export function createUploadState(options: UploadOptions): UploadState {
  const { source, onAcknowledged = () => {} } = options;
  const open = create(UploadOpenSchema, options.open);
  const counts = {
    runId: open.run?.runId ?? "",
    sentCount: 0,
    acceptedCount: 0,
    duplicateCount: 0,
    conflictCount: 0,
    rejectedCount: 0,
  };
  const rejections: RejectedItem[] = [];
  const runConflict = new Set<string>();
  const otherProducers = new Set<string>();
  let rejectionsTruncated = false;
  let runDuplicate: boolean | undefined;
  /** Sent or to be sent, oldest first. */
  let pending: Batch[] = [];
  /** The batch that is being gathered; it outlives the stream that asked for it. */
  let gathering: ReturnType<BatchSource["next"]> | undefined;
  let streams = 0;
  let wake = () => {};

  async function* frames(
    isCurrent: () => boolean,
    onEnd: (end: StreamEnd) => void,
  ): AsyncGenerator<Frame> {
    yield { kind: "open", open };
    // Only acknowledgements take from the front, and they only take what was sent.
    for (const batch of [...pending]) {
      if (!isCurrent()) return;
      yield frameOf(batch);
    }
    while (isCurrent()) {
      if (pending.length >= MAX_PENDING) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      gathering ??= source.next();
      const next = await gathering;
      if (!isCurrent()) return;
      gathering = undefined;
      if (next === "pause") return onEnd("pause");
      if (next === "end") {
        const finish = options.finish();
        if (finish === undefined) return onEnd("done");
        yield { kind: "finish", finish };
        return;
      }
      pending.push(next);
      counts.sentCount += next.count;
      yield frameOf(next);
    }
  }

  function take(answer: PublishResultsResponse, firstIndex: number): boolean {
    counts.runId = answer.runId;
    runDuplicate ??= answer.runDuplicate;
    for (const field of answer.runConflict) runConflict.add(field);
    for (const producer of answer.otherProducers) otherProducers.add(producer);
    counts.acceptedCount += Number(answer.acceptedCount);
    counts.duplicateCount += Number(answer.duplicateCount);
    counts.conflictCount += Number(answer.conflictCount);
    counts.rejectedCount += Number(answer.rejectedCount);
    for (const item of answer.rejections) {
      if (rejections.length === limits.rejectionsPerAnswer) rejectionsTruncated = true;
      else rejections.push({ ...item, index: item.index + BigInt(firstIndex) });
    }
    rejectionsTruncated ||= answer.rejectionsTruncated;
    const committed = answer.committedSequence;
    if (committed === undefined) return false;
    const acknowledged = pending.filter(({ sequence }) => sequence <= committed);
    pending = pending.slice(acknowledged.length);
    for (const batch of acknowledged) onAcknowledged(batch);
    wake();
    return acknowledged.length > 0;
  }

  return {
    startStream() {
      const stream = ++streams;
      const firstIndex = pending[0]?.firstIndex ?? counts.sentCount;
      let end: StreamEnd = "cut";
      wake();
      return {
        frames: frames(
          () => stream === streams,
          (reached) => {
            end = reached;
          },
        ),
        take: (answer) => take(answer, firstIndex),
        end: () => (pending.length === 0 ? end : "cut"),
      };
    },
    get counts() {
      return {
        ...counts,
        runDuplicate: runDuplicate ?? false,
        runConflict: [...runConflict],
        rejections,
        rejectionsTruncated,
        otherProducers: [...otherProducers],
      };
    },
    get unacknowledgedCount() {
      return pending.reduce((sum, { count }) => sum + count, 0);
    },
    close() {
      streams++;
      wake();
    },
  };
}

function frameOf(batch: Batch): Frame {
  const { sequence, count } = batch;
  return { kind: "batch", sequence, count, results: batch.read() };
}

const MAX_PENDING = 8;
