/** How folding is asked for, and what came of it. */

export interface FoldOptions {
  /** When the caller stops waiting, in milliseconds since the epoch. */
  readonly deadlineAt: number;
  /** The day that is today, given the one by the database's clock. */
  readonly todayOf: (databaseDay: number) => number;
}

/** By what a step is written: it was read when the figures had this version. */
export interface FoldAt {
  readonly version: string;
  /** The UTC day, counted from 1970-01-01. */
  readonly today: number;
  readonly deadlineAt: number;
}

/**
 * - `folded`: something was written, and there may be more to do.
 * - `done`: something was written, and with it all that there was to do when the step began.
 * - `again`: something was written that has to be before anything else; nothing of what was asked for.
 * - `raced`: another one has folded the project meanwhile; nothing was written.
 * - `empty`: there is nothing to do.
 */
export type FoldOutcome = "folded" | "done" | "again" | "raced" | "empty";
