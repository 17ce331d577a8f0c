/** The data folder: its password, and the cluster that is made at the first start. */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Binaries } from "./binaries.js";
import { childEnvironment, type Identity, requireReach } from "./identity.js";
import { makersOf, sendSignal } from "./processes.js";

/** The name of the superuser. */
export const USER = "tally";

export interface Cluster {
  /** The folder of Postgres. */
  readonly path: string;
  readonly password: string;
}

const MAJOR_VERSION = "18";
const HALF_MADE = "postgres-new-";
/** The first file that a first start writes. */
const PASSWORD_FILE = "postgres-password";
/** What may be in a folder before that: of an interrupted start, of one whose password was lost, of a new volume. */
const OURS = /^(?:lock\.sock|postgres|admin-token|lost\+found)$/;

/** Where the folder's cluster is, or will be. */
export function clusterPath(dataDir: string): string {
  return join(dataDir, "postgres");
}

/**
 * The cluster of the folder, made if there is none. It is made aside and moved into place when it is whole, so
 * that an interrupted first start leaves nothing half.
 */
export async function ensureCluster(
  dataDir: string,
  binaries: Binaries,
  identity: Identity,
  signal: AbortSignal,
): Promise<Cluster> {
  const path = clusterPath(dataDir);
  const passwordFile = join(dataDir, PASSWORD_FILE);
  const version = await readIfThere(join(path, "PG_VERSION"));
  // An empty one was cut off while it was written: before there was a cluster.
  const kept = (await readIfThere(passwordFile)) || null;
  if (version !== null) {
    if (version.trim() !== MAJOR_VERSION) {
      throw new Error(`${path} is of PostgreSQL ${version.trim()}, this is ${MAJOR_VERSION}`);
    }
    if (kept === null) throw new Error(`${passwordFile} is missing: ${path} cannot be opened`);
    requireReach(identity, [path, binaries.postgres]);
    return { path, password: kept };
  }
  await removeHalfMade(dataDir);
  const password = kept ?? randomBytes(24).toString("base64url");
  await writeFile(passwordFile, password, { mode: 0o600, flush: true });
  const aside = await mkdtemp(join(dataDir, HALF_MADE));
  for (const file of [dataDir, passwordFile, aside]) await identity.own(file);
  try {
    requireReach(identity, [aside, binaries.initdb]);
    await initialize(aside, passwordFile, binaries, identity, signal);
    await rename(aside, path);
  } catch (error) {
    await remove(aside);
    throw error;
  }
  return { path, password };
}

/**
 * The folder exists, and nobody else can read it. Throws where it has been for something else, as a home folder has: that is
 * left as it is.
 */
export async function ensureFolder(dataDir: string): Promise<void> {
  try {
    await makeFolder(dataDir);
    const names = await readdir(dataDir);
    const foreign = names.find((name) => !OURS.test(name));
    if (foreign !== undefined && !names.includes(PASSWORD_FILE)) {
      throw new Error(`it holds other files, such as ${foreign}`);
    }
    await chmod(dataDir, 0o700);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`${dataDir} cannot be the data folder, set TALLY_DATA_DIR: ${reason}`, {
      cause: error,
    });
  }
}

/** Node's own recursion never ends where a parent is there and takes no folder, as /proc. */
async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST" && (await stat(folder)).isDirectory()) return;
    if (code !== "ENOENT" || existsSync(dirname(folder))) throw error;
    await makeFolder(dirname(folder));
    await makeFolder(folder);
  }
}

async function initialize(
  folder: string,
  passwordFile: string,
  { initdb }: Binaries,
  { prefix, user }: Identity,
  signal: AbortSignal,
): Promise<void> {
  const [command = initdb, ...args] = [
    ...prefix,
    initdb,
    `--pgdata=${folder}`,
    `--username=${USER}`,
    `--pwfile=${passwordFile}`,
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--locale=C.UTF-8",
    "--lc-messages=C",
    "--data-checksums",
    "--no-instructions",
  ];
  signal.throwIfAborted();
  const child = spawn(command, args, {
    ...user,
    cwd: dirname(folder),
    // A process group of its own, as the postmaster's.
    detached: true,
    stdio: ["ignore", "ignore", "pipe"],
    env: childEnvironment(),
  });
  let output = "";
  child.stderr.on("data", (chunk) => {
    output += chunk;
  });
  child.on("error", (error) => {
    output += error.message;
  });
  const giveUp = () => child.kill("SIGINT");
  signal.addEventListener("abort", giveUp);
  // After a failure to start, too.
  await new Promise((resolve) => child.once("close", resolve));
  signal.removeEventListener("abort", giveUp);
  signal.throwIfAborted();
  if (child.exitCode === 0) return;
  throw new Error(
    `the embedded PostgreSQL cannot be set up in ${folder}, set DATABASE_URL to use another: ${output.trim()}`,
  );
}

/** Also ends who makes it still: the initdb of a killed server would make its folder anew. */
async function removeHalfMade(dataDir: string): Promise<void> {
  for (const pid of makersOf(join(dataDir, HALF_MADE))) sendSignal(pid, "SIGKILL");
  for (const name of await readdir(dataDir)) {
    if (name.startsWith(HALF_MADE)) await remove(join(dataDir, name));
  }
}

/** Again and again for a second: what a killed server had started may not have ended yet. */
async function remove(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 4, retryDelay: 100 });
}

async function readIfThere(file: string): Promise<string | null> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}
