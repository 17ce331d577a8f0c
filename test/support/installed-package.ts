/** The published package as a build has it: packed, unpacked in an empty folder, with its dependencies beside it. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly bin: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, unknown>>;
  readonly dependencies: Readonly<Record<string, string>>;
}

export interface InstalledPackage extends AsyncDisposable {
  /** The project that it is installed in. */
  readonly project: string;
  /** The package in it. */
  readonly folder: string;
  readonly tarball: string;
  readonly manifest: Manifest;
  /** Size in bytes of each file, by its path. */
  readonly files: ReadonlyMap<string, number>;
}

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const run = promisify(execFile);

/**
 * Packs and installs it without a registry: what the manifest declares is linked from this repository, and nothing
 * else can be imported.
 */
export async function installPackage(): Promise<InstalledPackage> {
  const project = await mkdtemp(join(tmpdir(), "tally-package-"));
  const out = join(project, "packed");
  const { stdout } = await run(process.execPath, [join(ROOT, "scripts/pack.js"), out]);
  const tarball = stdout.trim();
  const folder = join(project, "node_modules/tally");
  await mkdir(folder, { recursive: true });
  await run("tar", ["-xzf", tarball, "-C", folder, "--strip-components=1"]);
  const manifest = JSON.parse(await readFile(join(folder, "package.json"), "utf8")) as Manifest;
  for (const name of Object.keys(manifest.dependencies)) await link(project, name);
  await mkdir(join(project, "node_modules/.bin"));
  for (const [name, path] of Object.entries(manifest.bin)) {
    await run("chmod", ["+x", join(folder, path)]);
    await symlink(join(folder, path), join(project, "node_modules/.bin", name));
  }
  return {
    project,
    folder,
    tarball,
    manifest,
    files: await sizesOf(folder),
    [Symbol.asyncDispose]: () => rm(project, { recursive: true, force: true }),
  };
}

/** Makes a package of this repository importable in the project. */
export async function link(project: string, name: string): Promise<void> {
  const path = join(project, "node_modules", name);
  await mkdir(dirname(path), { recursive: true });
  await symlink(join(ROOT, "node_modules", name), path);
}

async function sizesOf(folder: string): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    sizes.set(relative(folder, path), (await stat(path)).size);
  }
  return sizes;
}
