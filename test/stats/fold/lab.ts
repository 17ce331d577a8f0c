/** A server with a project, jobs that fold it, and a recount of its figures. */
import { Connection } from "../../../src/db/client.js";
import { withSnapshot } from "../../../src/db/snapshot.js";
import { foldResults } from "../../../src/jobs/fold-results.js";
import type { Job } from "../../../src/jobs/job.js";
import { createLogger } from "../../../src/log.js";
import { createComparison, type Difference } from "../../../src/stats/recount/differences.js";
import { recountProject } from "../../../src/stats/recount/recount-project.js";
import { startTestServer, type TestServer, type TestServerOptions } from "../../support/server.js";
import { settle } from "../../support/settle.js";

export interface FoldLab extends AsyncDisposable {
  readonly server: TestServer;
  readonly db: Connection;
  /** Of the server's project. */
  readonly projectKey: string;
  /** Another project, which the server's admin token reaches. */
  newProject(): Promise<LabProject>;
  /** Folds on a connection of its own, so many days from now. */
  job(daysOn?: number): Job & AsyncDisposable;
  /** Folds until the queue is empty, and deleted runs are gone. */
  settle(daysOn?: number): Promise<void>;
  /** What a recount finds of a project, the server's by default. */
  differences(projectKey?: string): Promise<Difference[]>;
}

export interface LabProject {
  readonly projectId: string;
  readonly projectKey: string;
}

/** Starts one. The server has the jobs too, and folds by itself, unless it is told not to. */
export async function startFoldLab(
  options: Pick<TestServerOptions, "withoutJobs"> = {},
): Promise<FoldLab> {
  const server = await startTestServer(options);
  const db = new Connection({ url: server.databaseUrl, prepare: true });
  const keyOf = async (projectId: string) => {
    const [project] = await db.query<{ project_key: string }>(
      "SELECT project_key FROM projects WHERE project_id = $1",
      [projectId],
    );
    return project?.project_key ?? "";
  };
  const lab: FoldLab = {
    server,
    db,
    projectKey: await keyOf(server.projectId),
    async newProject() {
      const { organizationId } = server;
      const name = `project ${Math.random()}`;
      const { project } = await server.client().tenancy.createProject({ organizationId, name });
      const projectId = project?.projectId ?? "";
      return { projectId, projectKey: await keyOf(projectId) };
    },
    job(daysOn = 0) {
      const connection = new Connection({ url: server.databaseUrl, prepare: true });
      const deps = {
        db: connection,
        log: createLogger("silent"),
        now: Date.now,
        random: Math.random,
      };
      return {
        ...foldResults(deps, { todayOf: (day) => day + daysOn }),
        [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
      };
    },
    settle: (daysOn) => settle(server.databaseUrl, daysOn),
    async differences(projectKey = lab.projectKey) {
      const found: Difference[] = [];
      await withSnapshot(server.databaseUrl, async (snapshot) => {
        const comparison = createComparison((difference) => found.push(difference));
        await recountProject(snapshot, projectKey, comparison);
      });
      return found;
    },
    async [Symbol.asyncDispose]() {
      await db[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
  return lab;
}
