/** A server in a process of its own, so that its memory can be watched, over a database of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Scope } from "../../gen/tally/v1/tenancy_pb.js";
import { createTallyClient, type TallyClient } from "../../src/client/index.js";
import { createTestDatabase } from "../support/database.js";

export interface ServerProcess extends AsyncDisposable {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** A token of a new project with every scope. */
  newToken(): Promise<string>;
  client(token: string): TallyClient;
  /** Samples the resident memory until it is disposed. */
  watchMemory(): Promise<MemoryWatch>;
  /** Everything that it wrote so far. */
  output(): string;
}

export interface MemoryWatch extends AsyncDisposable {
  /** The most that was seen, over what there was at first. */
  grownBytes(): number;
}

const SAMPLE_MS = 100;
const ADMIN = "an-admin-token-for-tests-only";

/** Starts the built server on a free port. */
export async function startServerProcess(): Promise<ServerProcess> {
  const database = await createTestDatabase();
  const dataDir = await mkdtemp(join(tmpdir(), "tally-bounds-"));
  const program = fileURLToPath(new URL("../../dist/src/main.js", import.meta.url));
  const child = spawn(process.execPath, [program, "serve"], {
    env: {
      PATH: process.env["PATH"] ?? "",
      TALLY_PORT: "0",
      TALLY_DATA_DIR: dataDir,
      DATABASE_URL: database.url,
      TALLY_ADMIN_TOKEN: ADMIN,
      TALLY_BCRYPT_COST: "4",
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => {
      output += chunk;
    });
  }
  const clients: TallyClient[] = [];
  const client = (token: string) => {
    const made = createTallyClient({ url, token });
    clients.push(made);
    return made;
  };
  const url = await listening(child, () => output);
  const { hostname: host, port } = new URL(url);
  const residentBytes = async () => {
    const text = await (await fetch(`${url}/metrics`)).text();
    return Number(/^process_resident_memory_bytes (\S+)$/m.exec(text)?.[1]);
  };
  return {
    url,
    host,
    port: Number(port),
    client,
    output: () => output,
    async newToken() {
      const { tenancy } = client(ADMIN);
      const { organization } = await tenancy.createOrganization({ name: `o ${Math.random()}` });
      const organizationId = organization?.organizationId ?? "";
      const { project } = await tenancy.createProject({ organizationId, name: "p" });
      const projectId = project?.projectId ?? "";
      const scopes = [Scope.INGEST, Scope.READ, Scope.MANAGE];
      return (await tenancy.createToken({ projectId, name: "t", scopes })).secret;
    },
    watchMemory: () => watchMemory(residentBytes),
    async [Symbol.asyncDispose]() {
      for (const each of clients) each.close();
      const exited = child.exitCode === null ? once(child, "exit") : undefined;
      child.kill("SIGKILL");
      await exited;
      await database[Symbol.asyncDispose]();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

async function listening(child: ChildProcess, output: () => string): Promise<string> {
  for (;;) {
    const url = /^Tally \S+ listens on (\S+)$/m.exec(output())?.[1];
    if (url !== undefined) return url;
    if (child.exitCode !== null) throw new Error(output());
    await sleep(20);
  }
}

async function watchMemory(residentBytes: () => Promise<number>): Promise<MemoryWatch> {
  const base = await residentBytes();
  let peak = base;
  let stopped = false;
  const sampling = (async () => {
    while (!stopped) {
      peak = Math.max(peak, await residentBytes());
      await sleep(SAMPLE_MS);
    }
  })();
  return {
    grownBytes: () => peak - base,
    async [Symbol.asyncDispose]() {
      stopped = true;
      await sampling;
    },
  };
}
