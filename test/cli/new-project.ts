/** A project for the tests of one command, with the command line in it. */
import { EventPolicy, Scope } from "../../gen/tally/v1/tenancy_pb.js";
import type { Connection } from "../../src/db/client.js";
import type { TestServer } from "../support/server.js";
import { type CliRun, runCli } from "./run-cli.js";

export interface CliProject {
  readonly projectId: string;
  readonly env: Readonly<Record<string, string>>;
  /** Runs `tally` with a token for everything in the project. */
  tally(args: readonly string[], input?: string): Promise<CliRun>;
  /** The JSON answer of a command that succeeds. */
  answer(...args: string[]): Promise<Record<string, unknown>>;
  /** The stored events, by the time at which they happened. */
  stored(): Promise<{ readonly raw: string; readonly state: number }[]>;
  /** From now on what is missing in an event is filled in. */
  beLenient(): Promise<void>;
}

/** A new project on the server. */
export async function newProject(server: TestServer, db: Connection): Promise<CliProject> {
  const { tenancy } = server.client();
  const { organizationId } = server;
  const { project } = await tenancy.createProject({ organizationId, name: `p ${Math.random()}` });
  const projectId = project?.projectId ?? "";
  const scopes = [Scope.INGEST, Scope.READ, Scope.MANAGE];
  const { secret } = await tenancy.createToken({ projectId, name: "t", scopes });
  const env = { TALLY_URL: server.url, TALLY_TOKEN: secret };
  const tally = (args: readonly string[], input?: string) =>
    runCli(args, { env, ...(input === undefined ? {} : { input }) });
  return {
    projectId,
    env,
    tally,
    async answer(...args) {
      const { code, stdout, stderr } = await tally([...args, "--json"]);
      if (code !== 0) throw new Error(`${code}: ${stderr}`);
      return JSON.parse(stdout) as Record<string, unknown>;
    },
    stored: () =>
      db.query<{ raw: string; state: number }>(
        `SELECT encode(raw, 'escape') AS raw, state
        FROM events JOIN projects USING (project_key) WHERE project_id = $1 ORDER BY occurred_at`,
        [projectId],
      ),
    async beLenient() {
      await tenancy.updateProject({
        project: { projectId, settings: { eventPolicy: EventPolicy.LENIENT } },
        updateMask: { paths: ["settings.event_policy"] },
      });
    },
  };
}
