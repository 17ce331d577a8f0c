/** As whom Postgres runs: it refuses to be root. */
import { spawnSync } from "node:child_process";
import { chown, stat } from "node:fs/promises";

/** How a program of Postgres is started. */
export interface Identity {
  /** What stands before the program: it executes it in its place, with the same process id. */
  readonly prefix: readonly string[];
  /** The user that a child is given, where it is not ours. */
  readonly user?: { readonly uid: number; readonly gid: number };
  /** Makes a file or folder belong to who runs Postgres. */
  own(path: string): Promise<void>;
}

const NOBODY = 65_534;

/**
 * Ourselves. As root: the owner of a cluster that another user made; else a user namespace in which root is
 * called nobody, so that folders which root alone can enter stay reachable; where that is not allowed, nobody
 * itself.
 */
export async function findIdentity(cluster: string): Promise<Identity> {
  const asOurselves = { own: async () => {} };
  if (process.getuid?.() !== 0) return { prefix: dieWithParent(), ...asOurselves };
  const owner = await ownerOf(cluster);
  if (owner === null || owner.uid === 0) {
    const namespace = ["unshare", "--user", `--map-user=${NOBODY}`, `--map-group=${NOBODY}`, "--"];
    if (works([...namespace, "true"])) {
      return { prefix: [...namespace, ...dieWithParent()], ...asOurselves };
    }
  }
  const user = owner === null || owner.uid === 0 ? { uid: NOBODY, gid: NOBODY } : owner;
  return { prefix: dieWithParent(), user, own: (path) => chown(path, user.uid, user.gid) };
}

/** Throws where the user that Postgres is given cannot enter the folder, or run the program. */
export function requireReach({ user }: Identity, paths: readonly string[]): void {
  if (user === undefined) return;
  for (const path of paths) {
    if (spawnSync("test", ["-x", path], { ...user, stdio: "ignore" }).status === 0) continue;
    throw new Error(
      `PostgreSQL refuses to run as root, and user ${user.uid} cannot reach ${path}: start as an ordinary user, choose another TALLY_DATA_DIR, or set DATABASE_URL`,
    );
  }
}

/** What Postgres sees of our environment: `PG…` variables would change it, secrets are not its business. */
export function childEnvironment(): NodeJS.ProcessEnv {
  const { PATH, LD_LIBRARY_PATH } = process.env;
  return {
    ...(PATH === undefined ? {} : { PATH }),
    ...(LD_LIBRARY_PATH === undefined ? {} : { LD_LIBRARY_PATH }),
    LC_ALL: "C",
    TZ: "UTC",
  };
}

/** A killed server takes its Postgres along, where the platform can do it; else the next start stops it. */
function dieWithParent(): string[] {
  const prefix = ["setpriv", "--pdeathsig", "INT", "--"];
  return works([...prefix, "true"]) ? prefix : [];
}

function works([command = "", ...args]: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: "ignore", timeout: 5_000 }).status === 0;
}

async function ownerOf(path: string): Promise<{ uid: number; gid: number } | null> {
  try {
    const { uid, gid } = await stat(path);
    return { uid, gid };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}
