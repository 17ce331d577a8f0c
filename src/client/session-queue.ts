/**
 * The batches of a session that are not acknowledged: in memory within a bound, the others in the spool file. Each
 * has its place in one order, wherever its bytes are, and is sent from there.
 */
import type { Batch, BatchSource } from "./batches.js";
import { MAX_BATCH_BYTES, type WrittenResults } from "./result-buffer.js";
import { batchRecord, RESULTS_OFFSET } from "./spool-format.js";
import type { SpoolPlace, SpoolWriter } from "./spool-writer.js";

export interface SessionQueueOptions {
  readonly spool: SpoolWriter;
  /** Of batches in memory. */
  readonly maxBytes: number;
  /** For how long a stream waits for the next batch before it pauses, in milliseconds. */
  readonly pauseMs: number;
  /** Called with the number of results that found no room, and why. */
  readonly onDropped: (count: number, reason: string) => void;
}

export interface SessionQueue extends BatchSource {
  /** Adds a batch at the end, or drops it where neither memory nor disk has room. */
  add(written: WrittenResults): void;
  /** No more are added. */
  end(): void;
  /** Lets go of a batch that is acknowledged. */
  release(batch: Batch): void;
  /** Whether batches go to the disk as soon as they are added. */
  writesThrough: boolean;
  /** Brings to the disk what is in memory. */
  spill(): void;
  /** Resolves when there is something to send, or nothing ever will be. */
  untilReady(): Promise<void>;
  /** Results that are not acknowledged, on disk and in memory. */
  readonly spooledCount: number;
  readonly inMemoryCount: number;
  /** Everything that was added is acknowledged. */
  readonly isEmpty: boolean;
}

interface Entry extends Batch {
  /** Undefined once they are on disk. */
  bytes: Buffer | undefined;
  place: SpoolPlace | undefined;
}

/** An empty queue. */
export function createSessionQueue(options: SessionQueueOptions): SessionQueue {
  const { spool, maxBytes, pauseMs, onDropped } = options;
  /** Not acknowledged, oldest first. */
  const kept = new Set<Entry>();
  const unsent: Entry[] = [];
  /** How many of the kept ones are on disk. */
  let placed = 0;
  let sequence = 0n;
  let firstIndex = 0;
  let bytesInMemory = 0;
  let ended = false;
  let writesThrough = false;
  let wake = () => {};

  /** Undefined where the disk takes no more; the reason is told where it matters. */
  function toDisk(written: WrittenResults): { place?: SpoolPlace; reason?: string } {
    try {
      const place = spool.append(batchRecord(written));
      return place === undefined ? { reason: "the spool is full" } : { place };
    } catch (error) {
      return { reason: `the spool cannot be written: ${(error as Error).message}` };
    }
  }

  const isReady = () => unsent.length > 0 || ended;

  /** Resolves when there is something, or after `ms`. */
  function wait(ms?: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(resolve, ms).unref();
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  return {
    add(written) {
      const { count, bytes } = written;
      if (bytes.length > MAX_BATCH_BYTES) {
        onDropped(count, "a result is larger than a message may be");
        return;
      }
      const fits = bytesInMemory + bytes.length <= maxBytes;
      const { place, reason = "" } = writesThrough || !fits ? toDisk(written) : {};
      if (place === undefined && !fits) {
        onDropped(count, reason);
        return;
      }
      const entry: Entry = {
        sequence: sequence++,
        firstIndex,
        count,
        bytes: place === undefined ? bytes : undefined,
        place,
        read: () => readEntry(entry, spool),
      };
      firstIndex += count;
      bytesInMemory += entry.bytes?.length ?? 0;
      if (place !== undefined) placed++;
      kept.add(entry);
      unsent.push(entry);
      wake();
    },
    end() {
      ended = true;
      wake();
    },
    async next() {
      if (!isReady()) await wait(pauseMs);
      return unsent.shift() ?? (ended ? "end" : "pause");
    },
    async untilReady() {
      while (!isReady()) await wait();
    },
    release(batch) {
      const entry = batch as Entry;
      if (!kept.delete(entry)) return;
      bytesInMemory -= entry.bytes?.length ?? 0;
      if (entry.place === undefined) return;
      placed--;
      if (placed === 0) spool.clear();
    },
    get writesThrough() {
      return writesThrough;
    },
    set writesThrough(on) {
      writesThrough = on;
    },
    spill() {
      for (const entry of kept) {
        if (entry.bytes === undefined) continue;
        const { place } = toDisk({ count: entry.count, bytes: entry.bytes });
        if (place === undefined) return;
        bytesInMemory -= entry.bytes.length;
        placed++;
        entry.place = place;
        entry.bytes = undefined;
      }
    },
    get spooledCount() {
      return countOf(kept, ({ place }) => place !== undefined);
    },
    get inMemoryCount() {
      return countOf(kept, ({ place }) => place === undefined);
    },
    get isEmpty() {
      return kept.size === 0;
    },
  };
}

function readEntry({ bytes, place }: Entry, spool: SpoolWriter): Buffer {
  if (bytes !== undefined) return bytes;
  if (place === undefined) throw new Error("the batch is neither in memory nor on disk");
  return spool.read(place, RESULTS_OFFSET);
}

function countOf(entries: Iterable<Entry>, counts: (entry: Entry) => boolean): number {
  let sum = 0;
  for (const entry of entries) if (counts(entry)) sum += entry.count;
  return sum;
}
