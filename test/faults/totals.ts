/** Totals as the server tells them, against a recount of the rows. */
import type { RunTotals } from "../../gen/tally/v1/run_pb.js";
import { createTallyClient, type TallyClient } from "../../src/client/index.js";
import type { Connection } from "../../src/db/client.js";
import type { Project } from "./tenants.js";

/** A line for every run whose totals differ, in GetRun or in ListRuns. */
export async function compareTotals(
  db: Connection,
  url: string,
  projects: readonly Project[],
): Promise<string[]> {
  const differences: string[] = [];
  for (const { projectId, token } of projects) {
    const client = createTallyClient({ url, token });
    try {
      const recounts = await recount(db, projectId);
      const listed = await listTotals(client);
      for (const [runId, expected] of recounts) {
        const { run } = await client.stats.getRun({ runId });
        const told = { GetRun: describe(run?.totals), ListRuns: listed.get(runId) };
        for (const [call, totals] of Object.entries(told)) {
          if (totals === expected) continue;
          differences.push(`${call} of ${runId} says ${totals}, a recount ${expected}`);
        }
      }
      if (listed.size !== recounts.size) differences.push("ListRuns lists other runs");
    } finally {
      client.close();
    }
  }
  return differences;
}

async function listTotals({ stats }: TallyClient): Promise<Map<string, string>> {
  const totals = new Map<string, string>();
  let pageToken = "";
  do {
    const page = await stats.listRuns({ pageSize: 2, pageToken });
    for (const run of page.runs) totals.set(run.runId, describe(run.totals));
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return totals;
}

function describe(totals: RunTotals | undefined): string {
  if (totals === undefined) return "nothing";
  const { duration } = totals;
  return [
    totals.resultCount,
    totals.passedCount,
    totals.failedCount,
    totals.erroredCount,
    totals.skippedCount,
    totals.precludedCount,
    totals.rejectedCount,
    (duration?.seconds ?? 0n) * 1_000_000n + BigInt(duration?.nanos ?? 0) / 1000n,
  ].join(" ");
}

/** The same figures from the rows themselves, by run. */
async function recount(db: Connection, projectId: string): Promise<Map<string, string>> {
  const rows = await db.query<{ run_id: string; totals: string }>(
    `SELECT
       u.run_id,
       concat_ws(
         ' ', count(*), count(*) FILTER (WHERE r.status = 1), count(*) FILTER (WHERE r.status = 2),
         count(*) FILTER (WHERE r.status = 3), count(*) FILTER (WHERE r.status = 4),
         count(*) FILTER (WHERE r.status = 5),
         (
           SELECT count(*) FROM rejections j
           WHERE j.project_key = u.project_key AND j.run_key = u.run_key AND j.kind = 1
         ),
         COALESCE(sum(r.duration_us), 0)
       ) AS totals
     FROM runs u
     JOIN projects p USING (project_key)
     LEFT JOIN results r USING (project_key, run_key)
     WHERE p.project_id = $1
     GROUP BY u.project_key, u.run_key, u.run_id`,
    [projectId],
  );
  return new Map(rows.map(({ run_id, totals }) => [run_id, totals]));
}
