import { mkdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Connection } from "../../src/db/client.js";
import {
  findProgram,
  halfMade,
  isRunning,
  kill,
  occupyBackend,
  query,
  queryWhenBack,
  spawnServer,
  usePlace,
  waitFor,
} from "./support.js";

const place = usePlace();
const dieTogether = findProgram("setpriv") !== undefined;

describe("a postmaster that is killed", () => {
  it("comes back on the same url", async () => {
    await using postgres = await place.start();
    await query(postgres.url, "CREATE TABLE kept AS SELECT 1 AS x");
    const killed = postgres.pid;
    process.kill(killed, "SIGKILL");
    await waitFor(() => postgres.pid !== killed);
    expect(await queryWhenBack(postgres.url, "SELECT x FROM kept")).toEqual([{ x: 1 }]);
  });

  it.runIf(process.platform === "linux")("comes back while a backend is busy", async () => {
    await using postgres = await place.start();
    await using busy = new Connection({ url: postgres.url, prepare: false });
    const backend = await occupyBackend(busy);
    process.kill(postgres.pid, "SIGKILL");
    expect(await queryWhenBack(postgres.url, "SELECT 1 AS x")).toEqual([{ x: 1 }]);
    expect(isRunning(backend)).toBe(false);
  });

  it("does not come back after a stop", async () => {
    const postgres = await place.start();
    const hidden = join(place.folder, "hidden");
    const version = join(place.dataDir, "postgres", "PG_VERSION");
    await rename(version, hidden);
    process.kill(postgres.pid, "SIGKILL");
    await waitFor(() => !isRunning(postgres.pid));
    await postgres.stop();
    expect(await postgres.exited).toBeNull();
    await rename(hidden, version);
    await using again = await place.start();
    expect(await query(again.url, "SELECT 1 AS x")).toEqual([{ x: 1 }]);
  });
});

describe("a server that is killed", () => {
  it.runIf(dieTogether)("takes its Postgres along", async () => {
    const { process: server, pid } = await place.startChild();
    expect(isRunning(pid)).toBe(true);
    await kill(server);
    await waitFor(() => !isRunning(pid));
  });

  it("starts again at once, with its data", async () => {
    const { process: server, url, pid } = await place.startChild();
    await query(url, "CREATE TABLE kept AS SELECT 1 AS x");
    await kill(server);
    await using postgres = await place.start();
    expect(isRunning(pid)).toBe(false);
    expect(await query(postgres.url, "SELECT x FROM kept")).toEqual([{ x: 1 }]);
  });

  it.runIf(process.platform === "linux")(
    "starts again after its postmaster was killed too, with a backend busy",
    async () => {
      const { process: server, url, pid } = await place.startChild();
      await using busy = new Connection({ url, prepare: false });
      const backend = await occupyBackend(busy);
      // The other way round, the server would bring it back first.
      server.kill("SIGSTOP");
      process.kill(pid, "SIGKILL");
      await kill(server);
      expect(isRunning(backend)).toBe(true);
      await using postgres = await place.start();
      expect(isRunning(backend)).toBe(false);
      expect(await query(postgres.url, "SELECT 1 AS x")).toEqual([{ x: 1 }]);
    },
  );

  it("makes the cluster anew after a first start that was cut off", async () => {
    const server = spawnServer(place.dataDir);
    await waitFor(() => halfMade(place.dataDir).length > 0);
    await kill(server);
    await mkdir(join(place.dataDir, "postgres-new-abc", "base"), { recursive: true });
    await writeFile(join(place.dataDir, "postgres-password"), "");
    await using postgres = await place.start();
    expect(await query(postgres.url, "SELECT 1 AS x")).toEqual([{ x: 1 }]);
    expect(halfMade(place.dataDir)).toEqual([]);
  });
});

describe("a folder with something left in it", () => {
  it.each([
    ["an empty", ""],
    ["a stale", `${process.pid}\n/elsewhere\n1700000000\n5432\n\n127.0.0.1\n  1 1\nready\n`],
  ])("starts over %s postmaster.pid", async (_, content) => {
    await (await place.start()).stop();
    await writeFile(join(place.dataDir, "postgres", "postmaster.pid"), content);
    await using postgres = await place.start();
    expect(await query(postgres.url, "SELECT 1 AS x")).toEqual([{ x: 1 }]);
  });

  it("leaves another cluster's postmaster alone that got the stale process id", async () => {
    await (await place.start()).stop();
    // Its path begins like ours.
    await using other = await place.start({ dataDir: join(place.dataDir, "postgres-other") });
    const file = join(place.dataDir, "postgres", "postmaster.pid");
    await writeFile(file, `${other.pid}\n${join(place.dataDir, "postgres")}\n`);
    const { pid } = other;
    await using postgres = await place.start();
    expect(await query(postgres.url, "SELECT 1 AS x")).toEqual([{ x: 1 }]);
    expect(await query(other.url, "SELECT 1 AS x")).toEqual([{ x: 1 }]);
    expect(other.pid).toBe(pid);
  });

  it("refuses a cluster of another version, and one without its password", async () => {
    await (await place.start()).stop();
    const version = join(place.dataDir, "postgres", "PG_VERSION");
    await writeFile(version, "17\n");
    await expect(place.start()).rejects.toThrow("is of PostgreSQL 17, this is 18");
    await writeFile(version, "18\n");
    await rm(join(place.dataDir, "postgres-password"));
    await expect(place.start()).rejects.toThrow("postgres-password is missing");
    expect((await stat(version)).isFile()).toBe(true);
  });
});
