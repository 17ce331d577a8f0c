/** Failures of the database, as callers see them. */
import { Code } from "@connectrpc/connect";
import { DbError } from "../db/errors.js";
import { callError, unavailable } from "../errors.js";

/**
 * UNAVAILABLE with RetryInfo for what another try can cure, RESOURCE_EXHAUSTED where a project's refusals are
 * full; everything else unchanged, so that it ends as INTERNAL.
 */
export function fromDbError(error: unknown): unknown {
  if (!(error instanceof DbError)) return error;
  if (error.kind === "transient") {
    return unavailable("the database is not available; try again", {
      reason: "DATABASE_UNAVAILABLE",
      cause: error,
    });
  }
  if (error.kind === "timeout") {
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
