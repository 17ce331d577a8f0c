/** Results written out one after the other, until they are as many as one message holds. */
import { limits } from "../limits.js";
import { type TestResultInit, wellFormedResult } from "./fit-result.js";
import { appendResult } from "./result-writer.js";

/** Results as they stand in a message. */
export interface WrittenResults {
  readonly count: number;
  /** The field `results` of UploadBatch. */
  readonly bytes: Buffer;
}

export interface BatchLimits {
  /** 1 to 5,000; default 5,000. */
  readonly batchResults?: number;
  /** Bytes, at most what a message of 4 MiB has room for; default 2 MiB. */
  readonly batchBytes?: number;
}

export interface ResultBuffer {
  /** How many wait to be taken. */
  readonly count: number;
  /**
   * Adds the result, made storable, as it is now: what is changed in it later has no effect. Answers a batch when
   * one is full. Throws, and has then added nothing, at what is no result.
   */
  add(result: TestResultInit): WrittenResults | undefined;
  /** What has been added and not answered; undefined if there is nothing. */
  take(): WrittenResults | undefined;
}

/** An empty buffer. A result larger than a batch becomes one of its own. */
export function createResultBuffer(options: BatchLimits = {}): ResultBuffer {
  const maxResults = Math.min(options.batchResults ?? Infinity, limits.resultsPerMessage);
  const maxBytes = Math.min(options.batchBytes ?? BATCH_BYTES, MAX_BATCH_BYTES);
  // Used again for every batch: it grows to the size of the largest.
  const sink = { buffer: Buffer.allocUnsafe(FIRST_BYTES), at: 0 };
  let count = 0;

  /** The bytes before `end`; those after it stay. */
  function cut(end: number, results: number): WrittenResults {
    const bytes = Buffer.from(sink.buffer.subarray(0, end));
    sink.buffer.copyWithin(0, end, sink.at);
    sink.at -= end;
    count -= results;
    return { count: results, bytes };
  }

  return {
    get count() {
      return count;
    },
    add(init) {
      const before = sink.at;
      appendResult(sink, wellFormedResult(init));
      count++;
      if (count > 1 && sink.at > maxBytes) return cut(before, count - 1);
      return count >= maxResults ? cut(sink.at, count) : undefined;
    },
    take: () => (count === 0 ? undefined : cut(sink.at, count)),
  };
}

/** What the results of a message may take up: the rest is room for what stands around them. */
export const MAX_BATCH_BYTES = limits.messageBytes - 4096;
const BATCH_BYTES = 2 * 1024 * 1024;
const FIRST_BYTES = 16 * 1024;
