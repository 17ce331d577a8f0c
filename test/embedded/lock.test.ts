/** One server a data folder, also where each has a network of its own, as containers do. */
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, expect, it } from "vitest";
import { lockFolder } from "../../src/embedded/lock.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tally-lock-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const OWN_NETWORK = ["unshare", "--net"] as const;
const hasNetworks = spawnSync(OWN_NETWORK[0], [OWN_NETWORK[1], "true"]).status === 0;
const BUILT = pathToFileURL(join(import.meta.dirname, "../../dist/src/embedded/lock.js")).href;

/** What another process says that takes the lock, and dies with it. */
function takeElsewhere(command: readonly string[]): string {
  const script = `
    const { lockFolder } = await import(${JSON.stringify(BUILT)});
    await lockFolder(${JSON.stringify(folder)}).then(
      () => console.log("locked"),
      (error) => console.log(error.message),
    );
    process.kill(process.pid, "SIGKILL");`;
  const [program = "", ...args] = [
    ...command,
    process.execPath,
    "--input-type=module",
    "-e",
    script,
  ];
  return spawnSync(program, args, { encoding: "utf8" }).stdout.trim();
}

it("is refused to another process, and free when its holder has died", async () => {
  expect(takeElsewhere([])).toBe("locked");
  const unlock = await lockFolder(folder);
  // This process waits for the other one, and cannot say who it is.
  expect(takeElsewhere([])).toContain("is in use by another server (process unknown)");
  await unlock();
  expect(await readdir(folder)).toEqual([]);
  expect(takeElsewhere([])).toBe("locked");
});

it("is taken from who lets go of it without a word, as a child of a killed server does", async () => {
  const left = createServer((socket) => {
    left.close();
    socket.destroy();
  });
  left.listen(join(folder, "lock.sock"));
  await once(left, "listening");
  const unlock = await lockFolder(folder);
  await unlock();
});

it.skipIf(!hasNetworks)("is refused to a process with a network of its own", async () => {
  const unlock = await lockFolder(folder);
  expect(takeElsewhere(OWN_NETWORK)).toContain("is in use by another server");
  await unlock();
  expect(takeElsewhere(OWN_NETWORK)).toBe("locked");
  (await lockFolder(folder))();
});
