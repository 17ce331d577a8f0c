import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Makes `output` unless it is what the same inputs made before, byte by byte. Both are compared by the content of their
 * files, so neither times nor a checkout count, and an output that somebody changed or half removed is made anew.
 *
 * @typedef {object} Making
 * @property {string} output the folder that is made
 * @property {readonly string[]} inputs every file and folder that is read; one that is not there has no content
 * @property {string} settings what it depends on besides
 * @property {string} stamp the file that remembers what was made of what; outside of `output`
 * @property {() => Promise<void>} make
 *
 * @param {Making} making
 * @returns {Promise<boolean>} whether it was made
 */
export async function makeIfChanged({ output, inputs, settings, stamp, make }) {
  const before = digest(inputs);
  const made = () => JSON.stringify({ inputs: before, settings, output: digest([output]) });
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === made()) return false;
  // A making that is cut off leaves none.
  rmSync(stamp, { force: true });
  await make();
  // Of inputs that changed meanwhile nobody knows which were read: the next call makes it again.
  if (digest(inputs) === before) writeFileSync(stamp, made());
  return true;
}

/**
 * A hash of the paths and contents of all files.
 *
 * @param {readonly string[]} tops
 */
function digest(tops) {
  const hash = createHash("sha256");
  for (const path of tops.flatMap(filesBelow)) {
    const bytes = readFileSync(path);
    hash.update(`${path}\0${bytes.length}\0`).update(bytes);
  }
  return hash.digest("hex");
}

/**
 * @param {string} top
 * @returns {string[]}
 */
function filesBelow(top) {
  if (!existsSync(top)) return [];
  if (!statSync(top).isDirectory()) return [top];
  return readdirSync(top, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}
