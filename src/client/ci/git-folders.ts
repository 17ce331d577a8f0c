/** Where a git repository keeps what a checkout is about. */
import { readFile, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";

export interface GitFolders {
  /** Has HEAD: of a worktree or submodule, a folder of its own. */
  readonly own: string;
  /** Has the branches and the configuration, shared by all worktrees. */
  readonly common: string;
}

/** The repository that contains the folder, undefined if none does. */
export async function findRepository(folder: string): Promise<GitFolders | undefined> {
  for (let at = resolve(folder); ; at = dirname(at)) {
    const own = await gitFolderOf(join(at, ".git"));
    if (own !== undefined) {
      const shared = await readText(join(own, "commondir"));
      return { own, common: shared === "" ? own : resolve(own, shared) };
    }
    if (dirname(at) === at) return undefined;
  }
}

/** The trimmed text of a small file; empty if there is none. */
export async function readText(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    return size > MAX_FILE_BYTES ? "" : (await readFile(path, "utf8")).trim();
  } catch {
    return "";
  }
}

/** `.git` is a folder, or a file that names one. */
async function gitFolderOf(path: string): Promise<string | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return undefined;
  const named = found.isDirectory() ? path : /^gitdir: (.+)$/m.exec(await readText(path))?.[1];
  if (named === undefined) return undefined;
  const folder = resolve(dirname(path), named.trim());
  return (await readText(join(folder, "HEAD"))) === "" ? undefined : folder;
}

/** Packed references of a repository with a million branches. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;
