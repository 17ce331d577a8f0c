/** What the writer takes of results, and what became of them. */
import type { ResultRow } from "../db/results.js";
import type { Job } from "../group-commit/job.js";

/** Rows of one caller; indexes in the outcome count its rows from 0. */
export interface WriteJob extends Job<ResultRow> {
  readonly runKey: string;
  readonly runDay: string;
  readonly partId: Uint8Array;
  readonly tokenId: string;
}

/** What became of a part of the rows; indexes count the job's rows. */
export interface WrittenPart {
  readonly accepted: number;
  readonly duplicates: readonly number[];
  /** How many of the duplicates another part of the run had stored. */
  readonly foreign: number;
  readonly conflicts: readonly number[];
  readonly unstorable: readonly { readonly index: number; readonly reason: string }[];
  readonly unsettled: boolean;
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

/** The run is deleted or expired, or its project is deleted: it took nothing. */
export class RunGone extends Error {
  override readonly name = "RunGone";
}

/** The outcome of a job from its parts, in whatever order they were settled. */
export function mergeParts(parts: readonly WrittenPart[]): WriteOutcome {
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
