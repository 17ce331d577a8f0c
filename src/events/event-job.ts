/** What the writer takes of events, and what became of them. */
import type { StoredState } from "../db/event-rows.js";
import type { EventRow, RefusedEventRow } from "../db/events.js";
import type { Job } from "../group-commit/job.js";

/** An event to store, or a refusal to keep: they are committed together. */
export type EventItem =
  | { readonly kind: "event"; readonly row: EventRow }
  | { readonly kind: "refused"; readonly row: Omit<RefusedEventRow, "repeats"> };

/** Items of one call. */
export interface EventJob extends Job<EventItem> {
  readonly tokenId: string;
  /** In which state new events are stored. */
  readonly state: StoredState;
  /** Attempts that are to fail; of queued events, for tests. */
  readonly failingAttempts: number;
}

/** What became of an item. */
export type ItemOutcome =
  | { readonly kind: "stored" }
  | ({ readonly kind: "duplicate"; readonly sameAttributes: boolean } & FirstEvent)
  | ({ readonly kind: "conflict" } & FirstEvent)
  /** The database cannot store it; it is not kept yet. */
  | { readonly kind: "unstorable"; readonly reason: string }
  /** Kept; how often it was refused so far, and how often before this statement. */
  | { readonly kind: "refused"; readonly repeatCount: number; readonly repeatedBefore: boolean };

/** The stored event that a repeat meets. */
export interface FirstEvent {
  readonly firstState: StoredState;
  /** When it was received, in microseconds since the epoch. */
  readonly firstUs: number;
}

/** What became of the items of a slice. */
export interface EventPart {
  /** Index of the first of them in its job. */
  readonly from: number;
  readonly outcomes: readonly ItemOutcome[];
  /** The project has open rejections of events, which stored ones may resolve. */
  readonly hasOpenRejections: boolean;
}

/** The project is deleted, and took nothing. */
export class ProjectGone extends Error {
  override readonly name = "ProjectGone";
}
