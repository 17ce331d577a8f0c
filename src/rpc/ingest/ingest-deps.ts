/** What the handlers of ingestion share. */

import type { ByteBudget } from "../../byte-budget.js";
import type { Queryable } from "../../db/queryable.js";
import type { RetryOptions } from "../../db/retry.js";
import type { BatchDeps } from "../../ingest/ingest-batch.js";
import type { RunDirectory } from "../../ingest/run-directory.js";
import type { SettleRun } from "../../ingest/run-settler.js";
import type { Metrics } from "../../metrics.js";
import type { CallContext } from "../handler.js";
import type { ResolveProject } from "../resolve-project.js";

export interface IngestDeps extends BatchDeps {
  readonly db: Queryable;
  readonly runs: RunDirectory;
  readonly settleRun: SettleRun;
  readonly budget: ByteBudget;
  readonly resolveProject: ResolveProject;
  readonly metrics: Metrics;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** A batch of a stream, which has no deadline of its own, gives up after this. */
const BATCH_TIMEOUT_MS = 60_000;

/** How statements of this call are retried: until its deadline. */
export function retryOf(
  deps: Pick<IngestDeps, "now" | "random" | "metrics">,
  context: CallContext,
): RetryOptions {
  return {
    deadlineAt: Math.min(context.deadlineAt, deps.now() + BATCH_TIMEOUT_MS),
    random: deps.random,
    onRetry: (error) => deps.metrics.statementRetries.inc({ cause: error.sqlState || error.kind }),
  };
}

/** The token that calls. The guard lets nobody in without one. */
export function tokenOf(context: CallContext): string {
  return context.principal?.tokenId ?? "";
}
