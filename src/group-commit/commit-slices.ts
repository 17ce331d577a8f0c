/** One turn of a lane: a statement for slices of many callers, and what follows when it cannot be stored. */
import { DbError, isPoison } from "../db/errors.js";
import type { Queryable } from "../db/queryable.js";
import type { Job, Slice } from "./job.js";

/** How rows of one kind are stored. */
export interface Store<J extends Job, Part> {
  /**
   * Stores the slices, of one project, by one statement, and settles or fails each. Throws if the statement
   * stored nothing.
   */
  store(lane: Queryable, slices: readonly Slice<J, Part>[], options: CommitOptions): Promise<void>;
  /** What became of a slice of one row that the database cannot store. */
  unstorable(slice: Slice<J, Part>, error: DbError): Part;
  /** The error is the fault of a whole call, not of one of its rows: the call fails, the others are stored. */
  failsCall(error: DbError): boolean;
}

/** What a turn needs besides its lane. */
export interface CommitOptions {
  /** 63 random bits in decimal. */
  readonly drawKey: () => string;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly now: () => number;
  readonly hooks: CommitHooks;
}

/** What a turn tells to metrics. */
export interface CommitHooks {
  committed(rows: number, seconds: number): void;
  retried(error: DbError): void;
}

/**
 * Stores the slices and settles each. A statement with a row that the database cannot store is halved: the answer
 * is the two halves, for later turns. So at most 2·log2 n further statements find one such row, its neighbours
 * are stored, and other projects have their turns in between.
 */
export async function commitSlices<J extends Job, Part>(
  lane: Queryable,
  slices: readonly Slice<J, Part>[],
  store: Store<J, Part>,
  options: CommitOptions,
): Promise<readonly (readonly Slice<J, Part>[])[]> {
  const waiting = slices.filter((slice) => !expire(slice, options.now()));
  if (waiting.length === 0) return [];
  try {
    await store.store(lane, waiting, options);
    return [];
  } catch (error) {
    if (!isPoison(error)) {
      for (const slice of waiting) slice.pending.fail(slice, error);
      return [];
    }
    const [first, second] = store.failsCall(error) ? halveCalls(waiting) : halveRows(waiting);
    if (first.length > 0 && second.length > 0) return [first, second];
    for (const slice of waiting) {
      if (store.failsCall(error)) slice.pending.fail(slice, error);
      else slice.pending.settle(slice, store.unstorable(slice, error));
    }
    return [];
  }
}

/** Fails a slice whose caller has stopped waiting, before a statement is spent on it. */
function expire<J extends Job, Part>(slice: Slice<J, Part>, now: number): boolean {
  if (now < slice.pending.job.deadlineAt) return false;
  slice.pending.fail(slice, new DbError("timeout", "the deadline passed in the queue", "", ""));
  return true;
}

/** Two parts of about equally many rows; one is empty if there is but one row. */
function halveRows<S extends Slice<Job, never>>(slices: readonly S[]): [S[], S[]] {
  const rows = slices.reduce((sum, { from, to }) => sum + to - from, 0);
  let left = Math.ceil(rows / 2);
  const first: S[] = [];
  const second: S[] = [];
  for (const slice of slices) {
    const cut = Math.min(slice.to, slice.from + left);
    left -= cut - slice.from;
    if (cut > slice.from) first.push({ ...slice, to: cut });
    if (cut < slice.to) second.push({ ...slice, from: cut });
  }
  return [first, second];
}

/** Two parts of about equally many slices; one is empty if there is but one. */
function halveCalls<S>(slices: readonly S[]): [S[], S[]] {
  const middle = Math.ceil(slices.length / 2);
  return [slices.slice(0, middle), slices.slice(middle)];
}
