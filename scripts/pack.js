/**
 * `npm run pack`: makes the package that builds install, dist/package and dist/tally-<version>.tgz, from the sources
 * of the client, the reporters, the formats and the command line, and what these import. `node scripts/pack.js FOLDER`
 * writes to another folder. Works offline.
 */
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { packageManifest } from "./package-manifest.js";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const out = resolve(process.argv[2] ?? join(root, "dist"));
const folder = join(out, "package");

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
run(join(root, "node_modules/.bin/tsc"), [
  "--project",
  join(root, "tsconfig.package.json"),
  "--outDir",
  folder,
]);
copyFileSync(join(root, "LICENSE"), join(folder, "LICENSE"));
copyFileSync(join(root, "docs/package.md"), join(folder, "README.md"));
const manifest = packageManifest(
  JSON.parse(readFileSync(join(root, "package.json"), "utf8")),
  readTexts(folder),
);
writeFileSync(join(folder, "package.json"), `${JSON.stringify(manifest, undefined, 2)}\n`);
run("npm", ["pack", "--silent", "--ignore-scripts", "--pack-destination", out], folder);
console.log(join(out, `${manifest.name}-${manifest.version}.tgz`));

/**
 * The texts of a folder's files by their path in it, with `/`.
 *
 * @param {string} top
 */
function readTexts(top) {
  /** @type {Map<string, string>} */
  const texts = new Map();
  for (const entry of readdirSync(top, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    texts.set(path.slice(top.length + 1).replaceAll("\\", "/"), readFileSync(path, "utf8"));
  }
  return texts;
}

/**
 * @param {string} command
 * @param {string[]} args
 * @param {string} cwd
 */
function run(command, args, cwd = root) {
  execFileSync(command, args, { cwd, stdio: ["ignore", "ignore", "inherit"] });
}
