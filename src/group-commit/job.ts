/** What a caller hands to a writer, and the slices in which its rows are stored. */

/** Rows of one caller, to be stored in one project. */
export interface Job<Row = unknown> {
  readonly projectKey: string;
  readonly rows: readonly Row[];
  /** When the caller stops waiting, in milliseconds since the epoch: no retry begins after it. */
  readonly deadlineAt: number;
}

/** A job and what has become of its rows so far; `Part` is what became of a slice. */
export interface Pending<J extends Job, Part> {
  readonly job: J;
  /** Rows before this one are in statements. */
  taken: number;
  settle(slice: Slice<J, Part>, part: Part): void;
  fail(slice: Slice<J, Part>, error: unknown): void;
}

/** Rows `[from, to)` of a job. */
export interface Slice<J extends Job, Part> {
  readonly pending: Pending<J, Part>;
  readonly from: number;
  readonly to: number;
}

/** A job whose caller hears the parts, in any order, once every row is settled or failed. */
export function createPending<J extends Job, Part>(
  job: J,
  resolve: (parts: readonly Part[]) => void,
  reject: (error: unknown) => void,
): Pending<J, Part> {
  const parts: Part[] = [];
  let done = 0;
  let failure: { error: unknown } | undefined;
  const finish = (rows: number) => {
    done += rows;
    if (done < job.rows.length) return;
    if (failure !== undefined) reject(failure.error);
    else resolve(parts);
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
