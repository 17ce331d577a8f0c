/** As whom Postgres runs: it refuses to be root. */

import { spawnSync } from "node:child_process";
import { chown } from "node:fs/promises";

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
 * Ourselves; as root, a user namespace in which root is called nobody, so that folders which root alone can
 * enter stay reachable; where that is not allowed, nobody itself.
 */
export function findIdentity(): Identity {
  const asOurselves = { own: async () => {} };
  if (process.getuid?.() !== 0) return { prefix: dieWithParent(), ...asOurselves };
  const namespace = ["unshare", "--user", `--map-user=${NOBODY}`, `--map-group=${NOBODY}`, "--"];
  if (works([...namespace, "true"])) {
    return { prefix: [...namespace, ...dieWithParent()], ...asOurselves };
  }
  return {
    prefix: dieWithParent(),
    user: { uid: NOBODY, gid: NOBODY },
    own: (path) => chown(path, NOBODY, NOBODY),
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
