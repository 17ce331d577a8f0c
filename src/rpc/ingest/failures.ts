/** What goes wrong below the handlers of ingestion, as callers see it. */

import { withRetries } from "../../db/retry.js";
import { readRun } from "../../db/runs.js";
import { RunGone } from "../../ingest/write-job.js";
import { fromDbError } from "../database-error.js";
import type { CallContext } from "../handler.js";
import type { ProjectRef } from "../resolve-project.js";
import { type IngestDeps, retryOf } from "./ingest-deps.js";
import { closedDoor } from "./open-target.js";

/** The error with which a call ends: a gone run says why, a database error gets its status. */
export async function toCallError(
  deps: IngestDeps,
  project: ProjectRef,
  runId: string,
  error: unknown,
  context: CallContext,
): Promise<unknown> {
  if (!(error instanceof RunGone)) return fromDbError(error, context.deadlineAt);
  deps.runs.forget(project.projectKey, runId);
  const retry = retryOf(deps, context);
  try {
    const run = await withRetries(
      () => readRun(deps.db, project.projectKey, runId, retry.deadlineAt),
      retry,
    );
    const reason = run === null ? "project-gone" : run.expired ? "expired" : "deleted";
    return closedDoor(reason, project.projectId, runId);
  } catch (cause) {
    return fromDbError(cause, context.deadlineAt);
  }
}
