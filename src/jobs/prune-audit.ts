/** Removes old refusals from the audit log; changes of tenancy stay for ever. */
import { pruneRefusals } from "../db/audit-entries.js";
import { limits } from "../limits.js";
import type { Job } from "./job.js";
import type { JobDeps } from "./job-deps.js";

const ROWS_PER_STATEMENT = 1_000;

/** The job. */
export function pruneAudit({ db, now }: JobDeps): Job {
  return {
    name: "prune-audit",
    everyMs: 600_000,
    async runOnce() {
      const beforeUs = (now() - limits.auditedRefusalsMs) * 1000;
      let pruned = 0;
      do {
        pruned = await pruneRefusals(db, beforeUs, ROWS_PER_STATEMENT);
      } while (pruned === ROWS_PER_STATEMENT);
    },
  };
}
