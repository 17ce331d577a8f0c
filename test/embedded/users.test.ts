import { spawnSync } from "node:child_process";
import { chmod, chown, mkdir, readFile, stat, symlink } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { findProgram, isRoot, kill, NOBODY, query, usePlace } from "./support.js";

const place = usePlace();

const isRootOnLinux = isRoot && process.platform === "linux";
/** False where the project, or Node itself, lies under a folder that is closed to others. */
const nobodyReachesUs =
  isRootOnLinux &&
  [process.execPath, fileURLToPath(import.meta.url)].every(
    (path) => spawnSync("test", ["-r", path], { uid: NOBODY, gid: NOBODY }).status === 0,
  );

/** A PATH with what the start needs, but without `unshare`: as where user namespaces are forbidden. */
async function pathWithoutNamespaces(): Promise<string> {
  const path = join(place.folder, "bin");
  await mkdir(path);
  await chmod(place.folder, 0o755);
  for (const name of ["setpriv", "test", "true"]) {
    const program = findProgram(name);
    if (program !== undefined) await symlink(program, join(path, name));
  }
  return path;
}

describe.runIf(isRootOnLinux)("as root", () => {
  it("runs under a folder that root alone can enter", async () => {
    await mkdir(join(place.folder, "home"), { mode: 0o700 });
    const dataDir = join(place.folder, "home", "data");
    await using postgres = await place.start({ dataDir });
    expect(await readFile(`/proc/${postgres.pid}/cmdline`, "utf8")).toContain(dataDir);
    expect(await query(postgres.url, "SELECT 1 AS x")).toEqual([{ x: 1 }]);
  });

  it.runIf(nobodyReachesUs)(
    "runs as nobody where there are no user namespaces, and again with them",
    async () => {
      const path = await pathWithoutNamespaces();
      const { process: server, url, pid } = await place.startChild({ path });
      expect(await query(url, "SELECT 1 AS x")).toEqual([{ x: 1 }]);
      expect((await stat(`/proc/${pid}`)).uid).toBe(NOBODY);
      await kill(server);
      await using postgres = await place.start();
      expect(await query(postgres.url, "SELECT 1 AS x")).toEqual([{ x: 1 }]);
    },
  );

  it("says so where nobody cannot reach the folder", async () => {
    const path = await pathWithoutNamespaces();
    await mkdir(join(place.folder, "home"), { mode: 0o700 });
    const dataDir = join(place.folder, "home", "data");
    await expect(place.startChild({ path, dataDir })).rejects.toThrow(
      /refuses to run as root, and user 65534 cannot reach .*home\/data/,
    );
  });
});

describe.runIf(nobodyReachesUs)("as an ordinary user", () => {
  it("runs, and root can start what the user made", async () => {
    await mkdir(place.dataDir, { mode: 0o700 });
    await chown(place.folder, NOBODY, NOBODY);
    await chown(place.dataDir, NOBODY, NOBODY);
    const { process: server, url } = await place.startChild({ user: NOBODY });
    await query(url, "CREATE TABLE kept AS SELECT 1 AS x");
    expect((await stat(join(place.dataDir, "postgres"))).uid).toBe(NOBODY);
    await kill(server);
    await using postgres = await place.start();
    expect(await query(postgres.url, "SELECT x FROM kept")).toEqual([{ x: 1 }]);
    expect((await stat(`/proc/${postgres.pid}`)).uid).toBe(NOBODY);
  });
});
