/** The built server with one thing made wrong, to show that the checker sees it. */
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** A change of one built file. */
export interface Mistake {
  /** Below `dist`. */
  readonly file: string;
  /** Stands there exactly once. */
  readonly right: string;
  readonly wrong: string;
}

export interface WrongServer extends AsyncDisposable {
  /** What to run instead of `dist/src/main.js`. */
  readonly program: string;
}

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** A copy of the built server with the mistake in it. Throws when the text to change is not there once. */
export async function makeWrongServer({ file, right, wrong }: Mistake): Promise<WrongServer> {
  const folder = await mkdtemp(join(tmpdir(), "tally-wrong-"));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    for (const name of ["src", "gen", "package.json"]) {
      await cp(join(ROOT, "dist", name), join(folder, "dist", name), { recursive: true });
    }
    await symlink(join(ROOT, "node_modules"), join(folder, "node_modules"));
    const path = join(folder, "dist", file);
    const [before, after, ...more] = (await readFile(path, "utf8")).split(right);
    if (after === undefined || more.length > 0) {
      throw new Error(`${file} does not have this exactly once: ${right}`);
    }
    await writeFile(path, before + wrong + after);
  } catch (error) {
    await remove();
    throw error;
  }
  return { program: join(folder, "dist", "src", "main.js"), [Symbol.asyncDispose]: remove };
}
