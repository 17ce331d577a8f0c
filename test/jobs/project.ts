/** A project of its own for a test of a job. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ProjectSettingsSchema } from "../../gen/tally/v1/tenancy_pb.js";
import { Scope } from "../../gen/tally/v1/tenancy_pb.js";
import type { TallyClient } from "../../src/client/index.js";
import type { Queryable } from "../../src/db/queryable.js";
import type { TestServer } from "../support/server.js";

export interface TestProject {
  readonly projectId: string;
  /** Of its rows. */
  readonly projectKey: string;
  /** Of a token with all scopes. */
  readonly secret: string;
  readonly client: TallyClient;
  /** How many of its rows a table has. */
  count(table: string, where?: string): Promise<number>;
}

/** Creates a project with these settings. */
export async function createProject(
  server: TestServer,
  db: Queryable,
  settings: MessageInitShape<typeof ProjectSettingsSchema>,
): Promise<TestProject> {
  const { tenancy } = server.client();
  const { organizationId } = server;
  const name = `project ${Math.random()}`;
  const { project } = await tenancy.createProject({ organizationId, name, settings });
  const projectId = project?.projectId ?? "";
  const scopes = [Scope.INGEST, Scope.READ, Scope.MANAGE];
  const { secret } = await tenancy.createToken({ projectId, name: "all", scopes });
  const [row] = await db.query<{ project_key: string }>(
    "SELECT project_key FROM projects WHERE project_id = $1",
    [projectId],
  );
  const projectKey = row?.project_key ?? "";
  return {
    projectId,
    projectKey,
    secret,
    client: server.client(secret),
    async count(table, where = "true") {
      const [counted] = await db.query<{ n: number }>(
        `SELECT count(*)::int AS n FROM ${table} WHERE project_key = ${projectKey} AND ${where}`,
      );
      return counted?.n ?? -1;
    },
  };
}
