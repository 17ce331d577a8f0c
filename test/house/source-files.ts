/** The project's own source files and what they import. */
import { readdir, readFile } from "node:fs/promises";
import { posix } from "node:path";

export interface SourceFile {
  /** From the root of the project. */
  readonly path: string;
  readonly text: string;
  /** Package names, `node:` names, and paths from the root for files of our own. */
  readonly imports: readonly string[];
}

const ROOT = new URL("../../", import.meta.url);

/** Every TypeScript and JavaScript file under the folders. */
export async function readSourceFiles(folders: readonly string[]): Promise<SourceFile[]> {
  const files: SourceFile[] = [];
  for (const folder of folders) {
    const names = await readdir(new URL(folder, ROOT), { recursive: true });
    for (const name of names.sort()) {
      if (!/\.(?:ts|tsx|js)$/.test(name)) continue;
      const path = posix.join(folder, name);
      const text = await readFile(new URL(path, ROOT), "utf8");
      files.push({ path, text, imports: importsOf(path, text) });
    }
  }
  const paths = new Set(files.map(({ path }) => path));
  const existing = (path: string) => (paths.has(`${path}x`) ? `${path}x` : path);
  return files.map((file) => ({ ...file, imports: file.imports.map(existing) }));
}

/** The text without comments. Good enough for code as the formatter leaves it. */
export function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/(^|\s)\/\/ .*$/gm, "$1");
}

function importsOf(path: string, text: string): string[] {
  return [...withoutComments(text).matchAll(IMPORT)].map((match) => {
    const specifier = match.slice(1).find((group) => group !== undefined) ?? "";
    if (specifier.startsWith(".")) {
      return posix.join(posix.dirname(path), specifier).replace(/\.js$/, ".ts");
    }
    return /^(?:node:.*|@[^/]+\/[^/]+|[^/]+)/.exec(specifier)?.[0] ?? specifier;
  });
}

/** `import … from "x"`, `export … from "x"`, `import "x"`, and both forms of `import("x")`. */
const IMPORT =
  /^(?:import|export)\s(?:[\w$*,\s]|\{[^}]*\})*?\bfrom\s+"([^"]+)"|^import\s+"([^"]+)"|\bimport\(\s*"([^"]+)"/gm;
