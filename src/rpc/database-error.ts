/** Failures of the database, as callers see them. */
import { Code } from "@connectrpc/connect";
import { DbError } from "../db/errors.js";
import { callError, unavailable } from "../errors.js";

/** Timers may fire a little before their time. */
const TIMER_SLACK_MS = 5;

/**
 * UNAVAILABLE with RetryInfo for what another try can cure, DEADLINE_EXCEEDED where the caller's time has run out
 * (`deadlineAt` of the call, in milliseconds since the epoch; statements may give up before), RESOURCE_EXHAUSTED where a
 * project's refusals are full; everything else unchanged, so that it ends as INTERNAL.
 */
export function fromDbError(error: unknown, deadlineAt: number): unknown {
  if (!(error instanceof DbError)) return error;
  if (error.kind === "transient") {
    return unavailable("the database is not available; try again", {
      reason: "DATABASE_UNAVAILABLE",
      cause: error,
    });
  }
  if (error.kind === "timeout") {
    if (Date.now() >= deadlineAt - TIMER_SLACK_MS) {
      return callError(Code.DeadlineExceeded, "deadline exceeded", {
        reason: "DEADLINE_EXCEEDED",
        cause: error,
      });
    }
    return unavailable("the database is busy; try again", {
      reason: "DATABASE_BUSY",
      cause: error,
    });
  }
  if (error.kind === "check" && error.constraint === "rejection_quota") {
    return callError(
      Code.ResourceExhausted,
      "the project keeps as many refused bytes as it may: mend or dismiss open rejections, or raise kept_refusal_bytes",
      { reason: "REFUSAL_QUOTA_EXCEEDED", cause: error },
    );
  }
  return error;
}
