/** The batches of an upload. */
import { Code, ConnectError } from "@connectrpc/connect";
import type { TestResultInit } from "./fit-result.js";
import {
  type BatchLimits,
  createResultBuffer,
  MAX_BATCH_BYTES,
  type WrittenResults,
} from "./result-buffer.js";

export interface Batch {
  /** From 0, without gaps. */
  readonly sequence: bigint;
  /** Position of its first result in the whole upload, from 0. */
  readonly firstIndex: number;
  readonly count: number;
  /** The field `results` of UploadBatch. */
  read(): Buffer;
}

/** Where an upload takes its batches from. */
export interface BatchSource {
  /**
   * The next batch; `end` after the last, however often it is asked; `pause` where none comes for a while. Not
   * called again before its answer is there.
   */
  next(): Promise<Batch | "end" | "pause">;
}

/** The results, made storable, in batches within both limits. Throws INVALID_ARGUMENT for one that no message has room for or that is no object. */
export async function* toBatches(
  results: AsyncIterable<TestResultInit> | Iterable<TestResultInit>,
  limits: BatchLimits,
): AsyncGenerator<Batch> {
  const buffer = createResultBuffer(limits);
  const number = createNumbering();
  let index = 0;
  for await (const result of results) {
    // What is written in JavaScript is checked by nobody before.
    if (typeof result !== "object" || result === null) {
      throw new ConnectError(`results[${index}] is no object`, Code.InvalidArgument);
    }
    index++;
    const full = buffer.add(result);
    if (full !== undefined) yield fitting(number(full));
  }
  const rest = buffer.take();
  if (rest !== undefined) yield fitting(number(rest));
}

/** The batch, unless it is a result that is larger than a message: several are no larger. */
function fitting(batch: Batch): Batch {
  const { length } = batch.read();
  if (length <= MAX_BATCH_BYTES) return batch;
  const excess = `has ${length} bytes, of which a message takes ${MAX_BATCH_BYTES}`;
  throw new ConnectError(`results[${batch.firstIndex}] ${excess}`, Code.InvalidArgument);
}

/** Gives batches their sequence and position, in the order of the calls. */
export function createNumbering(): (written: WrittenResults) => Batch {
  let sequence = 0n;
  let firstIndex = 0;
  return ({ count, bytes }) => {
    const batch = { sequence, firstIndex, count, read: () => bytes };
    sequence++;
    firstIndex += count;
    return batch;
  };
}
