/** The data folder: its password, and the cluster that is made at the first start. */
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Binaries } from "./binaries.js";
import type { Identity } from "./identity.js";

/** The name of the superuser. */
export const USER = "tally";

export interface Cluster {
  /** The folder of Postgres. */
  readonly path: string;
  readonly password: string;
}

const MAJOR_VERSION = "18";
const HALF_MADE = "postgres-new-";

/**
 * The cluster of the folder, made if there is none. It is made aside and moved into place when it is whole, so
 * that an interrupted first start leaves nothing half.
 */
export async function ensureCluster(
  dataDir: string,
  binaries: Binaries,
  identity: Identity,
): Promise<Cluster> {
  const path = join(dataDir, "postgres");
  const passwordFile = join(dataDir, "postgres-password");
  const version = await readIfThere(join(path, "PG_VERSION"));
  if (version !== null) {
    if (version.trim() !== MAJOR_VERSION) {
      throw new Error(`${path} is of PostgreSQL ${version.trim()}, this is ${MAJOR_VERSION}`);
    }
    const password = await readIfThere(passwordFile);
    if (password === null) throw new Error(`${passwordFile} is missing: ${path} cannot be opened`);
    return { path, password };
  }
  await removeHalfMade(dataDir);
  const password = (await readIfThere(passwordFile)) ?? randomBytes(24).toString("base64url");
  await writeFile(passwordFile, password, { mode: 0o600 });
  const aside = await mkdtemp(join(dataDir, HALF_MADE));
  for (const file of [dataDir, passwordFile, aside]) await identity.own(file);
  await initialize(aside, passwordFile, binaries, identity);
  await rename(aside, path);
  return { path, password };
}

/** The folder exists, and nobody else can read it. */
export async function ensureFolder(dataDir: string): Promise<void> {
  await mkdir(dataDir, { recursive: true });
  await chmod(dataDir, 0o700);
}

async function initialize(
  folder: string,
  passwordFile: string,
  { initdb }: Binaries,
  { prefix, user }: Identity,
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
  try {
    await promisify(execFile)(command, args, { ...user, env: { ...process.env, LC_ALL: "C" } });
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    const { stderr = "", message } = error as Error & { stderr?: string };
    throw new Error(`the embedded PostgreSQL cannot be set up in ${folder}: ${stderr || message}`);
  }
}

async function removeHalfMade(dataDir: string): Promise<void> {
  for (const name of await readdir(dataDir)) {
    if (name.startsWith(HALF_MADE)) await rm(join(dataDir, name), { recursive: true, force: true });
  }
}

async function readIfThere(file: string): Promise<string | null> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}
