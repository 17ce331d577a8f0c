/** What a caller hands to the writer, what it hears, and the slices in which its rows are stored. */
import type { ResultRow } from "../db/results.js";

/** Rows of one caller; indexes in the outcome count its rows from 0. */
export interface WriteJob {
  readonly projectKey: string;
  readonly runKey: string;
  readonly runDay: string;
  readonly partId: Uint8Array;
  readonly tokenId: string;
  readonly rows: readonly ResultRow[];
  /** When the caller stops waiting: no retry begins after it. */
  readonly deadlineAt: number;
}

export interface WriteOutcome {
  readonly acceptedCount: number;
  /** Stored before with the same content. */
  readonly duplicates: readonly number[];
  /** How many of the duplicates another part had stored. */
  readonly foreignCount: number;
  /** Stored before with other content. */
  readonly conflicts: readonly number[];
  /** What the database cannot store, and why. */
  readonly unstorable: readonly { readonly index: number; readonly reason: string }[];
  /** The run's state may have changed. */
  readonly unsettled: boolean;
}

/** The run is deleted or expired, and took nothing. */
export class RunGone extends Error {
  override readonly name = "RunGone";
}

/** The outcome of a job without rows. */
export const NOTHING_WRITTEN: WriteOutcome = {
  acceptedCount: 0,
  duplicates: [],
  foreignCount: 0,
  conflicts: [],
  unstorable: [],
  unsettled: false,
};

/** A job and what has become of its rows so far. */
export interface Pending {
  readonly job: WriteJob;
  /** Rows before this one are in statements. */
  taken: number;
  settle(slice: Slice, part: SliceOutcome): void;
  fail(slice: Slice, error: unknown): void;
}

/** Rows `[from, to)` of a job. */
export interface Slice {
  readonly pending: Pending;
  readonly from: number;
  readonly to: number;
}

/** What became of a slice; indexes count the job's rows. */
export interface SliceOutcome {
  readonly accepted: number;
  readonly duplicates: readonly number[];
  readonly foreign: number;
  readonly conflicts: readonly number[];
  readonly unstorable: readonly { readonly index: number; readonly reason: string }[];
  readonly unsettled: boolean;
}

/** A job whose caller hears once every row is stored, refused or failed. */
export function createPending(
  job: WriteJob,
  resolve: (outcome: WriteOutcome) => void,
  reject: (error: unknown) => void,
): Pending {
  const parts: SliceOutcome[] = [];
  let done = 0;
  let failure: { error: unknown } | undefined;
  const finish = (rows: number) => {
    done += rows;
    if (done < job.rows.length) return;
    if (failure !== undefined) reject(failure.error);
    else resolve(merge(parts));
  };
  return {
    job,
    taken: 0,
    settle(slice, part) {
      parts.push(part);
      finish(slice.to - slice.from);
    },
    fail(slice, error) {
      failure ??= { error };
      finish(slice.to - slice.from);
    },
  };
}

function merge(parts: readonly SliceOutcome[]): WriteOutcome {
  const ascending = (a: number, b: number) => a - b;
  return {
    acceptedCount: parts.reduce((sum, part) => sum + part.accepted, 0),
    duplicates: parts.flatMap((part) => part.duplicates).sort(ascending),
    foreignCount: parts.reduce((sum, part) => sum + part.foreign, 0),
    conflicts: parts.flatMap((part) => part.conflicts).sort(ascending),
    unstorable: parts.flatMap((part) => part.unstorable).sort((a, b) => a.index - b.index),
    unsettled: parts.some((part) => part.unsettled),
  };
}
