/**
 * After `tsc`: puts next to the emitted code what it reads at run time, and removes what its source no
 * longer has. A migration that was renamed must not stay in dist, where it would run under both names.
 * Plain-JS workers under src are emitted by tsc itself (`allowJs`).
 */
import { copyFileSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, "dist");

// The version, and `"type": "module"` for a dist folder that is copied elsewhere.
copyFileSync(join(root, "package.json"), join(dist, "package.json"));
mirror("src/db/migrations", ".sql");

/**
 * Makes the folder's files of that ending the same in dist as in the sources. Copies before it removes, so
 * that a server that starts meanwhile never sees too few.
 *
 * @param {string} folder
 * @param {string} ending
 */
function mirror(folder, ending) {
  const from = join(root, folder);
  const to = join(dist, folder);
  mkdirSync(to, { recursive: true });
  const names = new Set(readdirSync(from).filter((name) => name.endsWith(ending)));
  for (const name of names) copyFileSync(join(from, name), join(to, name));
  for (const name of readdirSync(to)) {
    if (name.endsWith(ending) && !names.has(name)) rmSync(join(to, name));
  }
}
