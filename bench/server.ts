/** A throw-away server for a bench, in a process of its own, over an embedded Postgres that the bench reaches. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startThrowawayServer } from "../examples/throwaway-server.js";
import { Scope } from "../gen/tally/v1/tenancy_pb.js";
import { createTallyClient } from "../src/client/index.js";
import { startEmbeddedPostgres } from "../src/embedded/postgres.js";

export interface BenchServer extends AsyncDisposable {
  readonly url: string;
  readonly databaseUrl: string;
  readonly pid: number;
  /** Another one after it was brought back. */
  postgresPid(): number;
  newProject(): Promise<BenchProject>;
}

export interface BenchProject {
  readonly projectId: string;
  /** With every scope. */
  readonly token: string;
}

/** Starts Postgres and `tallyd serve` with their data in a temporary folder, which goes away with them. */
export async function startBenchServer(
  env: Readonly<Record<string, string>> = {},
): Promise<BenchServer> {
  const dataDir = await mkdtemp(join(tmpdir(), "tally-bench-"));
  const postgres = await startEmbeddedPostgres({ dataDir, onLog: () => {} });
  const server = await startThrowawayServer({
    ...process.env,
    ...env,
    DATABASE_URL: postgres.url,
    TALLY_ADMIN_TOKEN: ADMIN_TOKEN,
    TALLY_LOG_LEVEL: "warn",
  });
  const admin = createTallyClient({ url: server.url, token: ADMIN_TOKEN });
  const { organization } = await admin.tenancy.createOrganization({ name: "bench" });
  const organizationId = organization?.organizationId ?? "";
  let projects = 0;
  return {
    url: server.url,
    databaseUrl: postgres.url,
    pid: server.pid,
    postgresPid: () => postgres.pid,
    async newProject() {
      const name = `bench ${++projects}`;
      const { project } = await admin.tenancy.createProject({ organizationId, name });
      const projectId = project?.projectId ?? "";
      const scopes = [Scope.INGEST, Scope.READ, Scope.MANAGE];
      const { secret } = await admin.tenancy.createToken({ projectId, name, scopes });
      return { projectId, token: secret };
    },
    async [Symbol.asyncDispose]() {
      admin.close();
      await server[Symbol.asyncDispose]();
      await postgres[Symbol.asyncDispose]();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** Resident memory of a process, in MiB. Linux alone tells it this way; 0 elsewhere. */
export async function residentMiB(pid: number): Promise<number> {
  try {
    const status = await readFile(`/proc/${pid}/status`, "utf8");
    return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
  } catch {
    return 0;
  }
}

const ADMIN_TOKEN = "an-admin-token-for-the-bench-only";
