/** A whole server in the test's process, over a database of its own, with a project to send to. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { Scope } from "../../gen/tally/v1/tenancy_pb.js";
import { startTally } from "../../src/app.js";
import { createTallyClient, type TallyClient } from "../../src/client/index.js";
import { loadConfig } from "../../src/config.js";
import { createLogger } from "../../src/log.js";
import { createTestDatabase } from "./database.js";

export interface TestServerOptions {
  /** A server on the database of another one; by default it has its own. */
  readonly databaseUrl?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** The files of the dashboard; by default there are none. */
  readonly webFolder?: string;
  /** It does no background work, nor folds: the test runs the jobs that it is about, and nobody is faster. */
  readonly withoutJobs?: boolean;
  /** What its clients trust where it speaks TLS, PEM. */
  readonly ca?: string;
}

export interface TestServer extends AsyncDisposable {
  readonly url: string;
  readonly databaseUrl: string;
  readonly adminToken: string;
  readonly organizationId: string;
  readonly projectId: string;
  /** Scopes INGEST and READ and MANAGE, one each and all. */
  readonly ingestToken: string;
  readonly readToken: string;
  readonly manageToken: string;
  readonly allToken: string;
  /** A client that is closed with the server, and tries nothing again: tests see the answers as they are. */
  client(token?: string): TallyClient;
  /** Lines of the log so far. */
  readonly logLines: readonly Record<string, unknown>[];
}

/** The token of every test server's operator. */
const ADMIN_TOKEN = "an-admin-token-for-tests-only";

/** Starts a server on a free port, with an organization, a project and its tokens. */
export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const database = options.databaseUrl === undefined ? await createTestDatabase() : undefined;
  const databaseUrl = options.databaseUrl ?? database?.url ?? "";
  const dataDir = await mkdtemp(join(tmpdir(), "tally-test-server-"));
  const logLines: Record<string, unknown>[] = [];
  const sink = new Writable({
    write(chunk, _encoding, done) {
      for (const line of String(chunk).split("\n")) {
        if (line !== "") logLines.push(JSON.parse(line));
      }
      done();
    },
  });
  const config = loadConfig({
    DATABASE_URL: databaseUrl,
    TALLY_PORT: "0",
    TALLY_DATA_DIR: dataDir,
    TALLY_ADMIN_TOKEN: ADMIN_TOKEN,
    TALLY_BCRYPT_COST: "4",
    ...options.env,
  });
  const tally = await startTally(config, createLogger(config.logLevel, sink), {
    foldHere: true,
    withoutJobs: options.withoutJobs ?? false,
    ...(options.webFolder === undefined ? {} : { webFolder: options.webFolder }),
  });
  const { url } = tally;
  const tls = options.ca === undefined ? {} : { ca: options.ca };
  const clients: TallyClient[] = [];
  const client = (token = ADMIN_TOKEN) => {
    const made = createTallyClient({ url, token, maxRetries: 0, ...tls });
    clients.push(made);
    return made;
  };
  const { tenancy } = client();
  const name = `test ${Math.random()}`;
  const { organization } = await tenancy.createOrganization({ name });
  const organizationId = organization?.organizationId ?? "";
  const { project } = await tenancy.createProject({ organizationId, name: "shop" });
  const projectId = project?.projectId ?? "";
  const token = async (...scopes: Scope[]) =>
    (await tenancy.createToken({ projectId, name: "test", scopes })).secret;
  return {
    url,
    databaseUrl,
    adminToken: ADMIN_TOKEN,
    organizationId,
    projectId,
    ingestToken: await token(Scope.INGEST),
    readToken: await token(Scope.READ),
    manageToken: await token(Scope.MANAGE),
    allToken: await token(Scope.INGEST, Scope.READ, Scope.MANAGE),
    client,
    logLines,
    async [Symbol.asyncDispose]() {
      for (const each of clients) each.close();
      await tally[Symbol.asyncDispose]();
      await database?.[Symbol.asyncDispose]();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
