/** `tallyd recount`: compares every figure with a recount of the rows, on a database that may be in use. */
import type { Config } from "./config.js";
import { ConfigError } from "./config.js";
import { recountedProjects } from "./db/recount.js";
import { withSnapshot } from "./db/snapshot.js";
import { reachDirectly } from "./open-database.js";
import { createComparison, type Difference } from "./stats/recount/differences.js";
import { recountProject } from "./stats/recount/recount-project.js";

export interface RecountOptions {
  /** One project; default: all. */
  readonly projectId?: string;
  readonly onDifference: (difference: Difference & { readonly projectId: string }) => void;
}

export interface RecountSummary {
  readonly projects: number;
  readonly compared: number;
  readonly differences: number;
}

/** Reads all of it as of one moment. Throws ConfigError without a database of the operator's, or such a project. */
export async function recount(config: Config, options: RecountOptions): Promise<RecountSummary> {
  const url = await reachDirectly(config);
  if (url === undefined) {
    throw new ConfigError([
      "DATABASE_URL: expected, since `tallyd recount` reads the database of a server",
    ]);
  }
  const { projectId, onDifference } = options;
  return withSnapshot(url, async (snapshot) => {
    const summary = { projects: 0, compared: 0, differences: 0 };
    for await (const project of recountedProjects(snapshot, projectId ?? null)) {
      const comparison = createComparison((difference) => {
        summary.differences++;
        onDifference({ ...difference, projectId: project.projectId });
      });
      await recountProject(snapshot, project.projectKey, comparison);
      summary.projects++;
      summary.compared += comparison.compared;
    }
    if (projectId !== undefined && summary.projects === 0) {
      throw new ConfigError([`--project ${projectId}: there is none`]);
    }
    return summary;
  });
}
