/** Names of files as tests are known by. */
import { existsSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";

/**
 * Names files relative to the repository that contains the folder, or to the folder where there is none, with `/`
 * on every system: a test is the same one wherever its build has checked it out.
 */
export function createFileNames(folder: string): (file: string) => string {
  const root = repositoryOf(folder) ?? folder;
  return (file) => relative(root, file).split(sep).join("/");
}

function repositoryOf(folder: string): string | undefined {
  if (existsSync(join(folder, ".git"))) return folder;
  const parent = dirname(folder);
  return parent === folder ? undefined : repositoryOf(parent);
}
