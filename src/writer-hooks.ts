/** What a writer tells to the metrics. */
import type { WriterHooks } from "./group-commit/writer.js";
import type { Metrics } from "./metrics.js";

/** Hooks of the writer of one kind of rows. */
export function writerHooks(metrics: Metrics, kind: "result" | "event"): WriterHooks {
  return {
    queued: (rows) => metrics.queuedRows.set({ kind }, rows),
    lanes: (busy, all) => {
      metrics.lanes.set({ state: "busy", kind }, busy);
      metrics.lanes.set({ state: "all", kind }, all);
    },
    committed: (rows, seconds) => {
      metrics.rowsPerCommit.observe({ kind }, rows);
      metrics.commitSeconds.observe({ kind }, seconds);
    },
    retried: (error) => metrics.statementRetries.inc({ cause: error.sqlState || error.kind }),
  };
}
