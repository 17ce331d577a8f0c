/** A throw-away server for a bench: a process of its own, with projects to send to. */
import { startThrowawayServer } from "../examples/throwaway-server.js";
import { Scope } from "../gen/tally/v1/tenancy_pb.js";
import { createTallyClient } from "../src/client/index.js";

export interface BenchServer extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  /** A token with every scope, of a new project. */
  newProject(): Promise<string>;
}

/** Starts `tallyd serve` with its data in a temporary folder, which goes away with it. */
export async function startBenchServer(): Promise<BenchServer> {
  const server = await startThrowawayServer({ ...process.env, TALLY_LOG_LEVEL: "warn" });
  const admin = createTallyClient({ url: server.url, token: server.adminToken });
  const { organization } = await admin.tenancy.createOrganization({ name: "bench" });
  const organizationId = organization?.organizationId ?? "";
  let projects = 0;
  return {
    url: server.url,
    pid: server.pid,
    async newProject() {
      const name = `bench ${++projects}`;
      const { project } = await admin.tenancy.createProject({ organizationId, name });
      const projectId = project?.projectId ?? "";
      const scopes = [Scope.INGEST, Scope.READ, Scope.MANAGE];
      return (await admin.tenancy.createToken({ projectId, name, scopes })).secret;
    },
    async [Symbol.asyncDispose]() {
      admin.close();
      await server[Symbol.asyncDispose]();
    },
  };
}
