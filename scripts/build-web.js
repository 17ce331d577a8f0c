/**
 * Builds the dashboard, src/web, into dist/web and packs its files, unless they are what the same sources made before: that
 * takes seconds, and `npm start` asks for it each time.
 */
import { dirname, join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { compressFolder } from "./compress-folder.js";
import { makeIfChanged } from "./make-if-changed.js";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const output = join(root, "dist/web");
const inputs = [
  "src/web",
  // What it shares with the server.
  "src/csv.ts",
  "src/event-lines.ts",
  "src/json-times.ts",
  "gen",
  "scripts",
  "package.json",
  "tsconfig.json",
  "package-lock.json",
  // What npm has installed: it may not be what the lock file says.
  "node_modules/.package-lock.json",
].map((path) => join(root, path));

await makeIfChanged({
  output,
  inputs,
  settings: `Node ${process.version}, NODE_ENV ${process.env["NODE_ENV"]}`,
  stamp: join(root, "dist/.web-stamp.json"),
  async make() {
    // Takes a second to load.
    const { build } = await import("vite");
    await build({
      configFile: join(root, "scripts/vite.config.js"),
      logLevel: "warn",
      plugins: [{ name: "tally:inputs", buildEnd: refuseOtherInputs }],
    });
    compressFolder(output);
  },
});

/**
 * Throws if the build has read a file of this repository that is none of the inputs: it would miss its changes.
 *
 * @this {{ getModuleIds(): Iterable<string> }}
 */
function refuseOtherInputs() {
  const folders = [...inputs, join(root, "node_modules")];
  const others = [...this.getModuleIds()].filter(
    (path) =>
      path.startsWith(root) &&
      !folders.some((folder) => path === folder || path.startsWith(folder + sep)),
  );
  if (others.length > 0) {
    throw new Error(`scripts/build-web.js does not know its inputs: ${others}`);
  }
}
