/** How rejections are called. */
import {
  RejectionKind,
  RejectionReason,
  RejectionState,
} from "../../../gen/tally/v1/rejection_pb.js";

/** What was refused. */
export const kindWords: Readonly<Record<RejectionKind, string>> = {
  [RejectionKind.UNSPECIFIED]: "Unknown",
  [RejectionKind.RESULT]: "Result",
  [RejectionKind.RUN]: "Run",
  [RejectionKind.EVENT]: "Event",
  [RejectionKind.FINISH]: "Finish",
};

/** Why. */
export const reasonWords: Readonly<Record<RejectionReason, string>> = {
  [RejectionReason.UNSPECIFIED]: "Unknown",
  [RejectionReason.INVALID]: "Invalid",
  [RejectionReason.CONFLICT]: "Conflict",
  [RejectionReason.UNSTORABLE]: "Cannot be stored",
  [RejectionReason.TOO_MANY_TESTS]: "Too many tests",
  [RejectionReason.PROCESSING_FAILED]: "Processing failed",
};

/** What became of it. */
export const rejectionStateWords: Readonly<Record<RejectionState, string>> = {
  [RejectionState.UNSPECIFIED]: "Unknown",
  [RejectionState.OPEN]: "Open",
  [RejectionState.RESOLVED]: "Resolved",
  [RejectionState.DISMISSED]: "Dismissed",
};

/** The value of an enum by the lower-case name that addresses have; undefined for another name. */
export function byName(
  values: Readonly<Record<number | string, number | string>>,
  name: string,
): number | undefined {
  const value = values[name.toUpperCase()];
  return typeof value === "number" ? value : undefined;
}

/** The lower-case name of an enum's value, for addresses. */
export function nameOf(
  values: Readonly<Record<number | string, number | string>>,
  value: number,
): string {
  return String(values[value] ?? "").toLowerCase();
}
