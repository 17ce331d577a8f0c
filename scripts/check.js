/**
 * `npm run check`: everything that can be said about the sources without running them. Prints a line per check
 * with its time, and the output of those that fail. Works offline.
 *
 * The contract is compared with the image of the last release, proto/released.binpb. A release renews it:
 * `npx buf build proto --exclude-source-info -o proto/released.binpb`.
 */
import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const env = {
  ...process.env,
  PATH: `${join(root, "node_modules", ".bin")}${delimiter}${process.env["PATH"] ?? ""}`,
};

/** Resolves with what went wrong; nothing when all is well. @typedef {() => Promise<string>} Check */

/** @type {[name: string, check: Check][]} */
const checks = [
  ["types", () => run("tsc", "--noEmit")],
  ["types of the dashboard", () => run("tsc", "--noEmit", "--project", "src/web")],
  ["lint and format", () => run("biome", "check")],
  ["protos: lint", () => run("buf", "lint")],
  ["protos: format", () => run("buf", "format", "--diff", "--exit-code")],
  ["protos: no breaking change", () => run("buf", "breaking", "--against", "proto/released.binpb")],
  ["generated code", checkGenerated],
  ["unused files, exports, packages", () => run("knip", "--no-progress")],
  ["house", () => run("vitest", "run", "--config", "test/house/vitest.config.ts")],
];

const results = await runChecks();
for (const { name, output } of results) {
  if (output !== "") console.log(`\n== ${name}\n${output.trimEnd()}`);
}
process.exitCode = results.some(({ output }) => output !== "") ? 1 : 0;

/** Runs as many checks at once as there are cores. */
async function runChecks() {
  /** @type {{ name: string, output: string }[]} */
  const done = [];
  const waiting = [...checks];
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [name, check] = next;
      const start = performance.now();
      const output = await check();
      const seconds = ((performance.now() - start) / 1000).toFixed(1);
      console.log(`${output === "" ? "ok  " : "FAIL"} ${name} (${seconds} s)`);
      done.push({ name, output });
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  return done;
}

/** gen/ is what `buf generate` makes of proto/ now. @type {Check} */
async function checkGenerated() {
  const folder = await mkdtemp(join(tmpdir(), "tally-gen-"));
  try {
    const failure = await run("buf", "generate", "--output", folder);
    if (failure !== "") return failure;
    const [made, kept] = await Promise.all([read(join(folder, "gen")), read(join(root, "gen"))]);
    const names = [...new Set([...made.keys(), ...kept.keys()])].sort();
    const stale = names.filter((name) => made.get(name) !== kept.get(name));
    return stale.length === 0 ? "" : `run npm run generate: ${stale.join(", ")} differ`;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * The files of a folder, by their path in it.
 *
 * @param {string} folder
 */
async function read(folder) {
  /** @type {Map<string, string>} */
  const files = new Map();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    files.set(path.slice(folder.length + 1), await readFile(path, "utf8"));
  }
  return files;
}

/**
 * What a command printed, if it failed.
 *
 * @param {string} command
 * @param {string[]} args
 * @returns {Promise<string>}
 */
function run(command, ...args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, env, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (/** @type {string} */ text) => {
        output += text;
      });
    }
    child.on("error", (error) => resolve(`${command}: ${error.message}`));
    child.on("close", (code, signal) => {
      resolve(code === 0 ? "" : `${output}\n${command} ended with ${signal ?? code}`);
    });
  });
}
