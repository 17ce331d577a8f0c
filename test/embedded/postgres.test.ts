import { type ChildProcess, spawn } from "node:child_process";
import { chown, mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Connection } from "../../src/db/client.js";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "../../src/embedded/postgres.js";

const isRoot = process.getuid?.() === 0;
const NOBODY = 65_534;
let folder: string;
let dataDir: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tally-embedded-"));
  dataDir = join(folder, "data");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Without waiting for the disk: what is shown here does not depend on it. */
const start = () => startEmbeddedPostgres({ dataDir, settings: { fsync: "off" } });

async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  await using connection = new Connection({ url, prepare: false });
  return await connection.query<Record<string, unknown>>(text);
}

/** Asks until Postgres answers, for 20 s. */
async function queryWhenBack(url: string, text: string): Promise<Record<string, unknown>[]> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    try {
      return await query(url, text);
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await sleep(50);
    }
  }
}

/** A process of its own that starts Postgres in the folder and prints its url and pid. */
async function startChild(
  user?: number,
): Promise<{ child: ChildProcess; url: string; pid: number }> {
  const module = new URL("../../dist/src/embedded/postgres.js", import.meta.url).href;
  const script = `
    const { startEmbeddedPostgres } = await import(${JSON.stringify(module)});
    const postgres = await startEmbeddedPostgres({ dataDir: ${JSON.stringify(dataDir)} });
    console.log(postgres.url + " " + postgres.pid);
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
    ...(user === undefined ? {} : { uid: user, gid: user }),
  });
  const lines = createInterface({ input: child.stdout ?? process.stdin });
  for await (const line of lines) {
    const [url = "", pid] = line.split(" ");
    return { child, url, pid: Number(pid) };
  }
  throw new Error("the child ended before Postgres was up");
}

describe("the embedded Postgres", () => {
  it("keeps its data from one start to the next, and stops in between", async () => {
    const first = await start();
    await query(first.url, "CREATE TABLE kept AS SELECT 42 AS answer");
    await first.stop();
    expect(await first.exited).toBeNull();
    await expect(query(first.url, "SELECT 1")).rejects.toThrow();
    await using second = await start();
    expect(await query(second.url, "SELECT answer FROM kept")).toEqual([{ answer: 42 }]);
  });

  it("is PostgreSQL 18, durable, with checksums, for who has the password", async () => {
    await using postgres = await startEmbeddedPostgres({ dataDir });
    const settings = await query(
      postgres.url,
      `SELECT current_setting('server_version') AS version, current_setting('fsync') AS fsync,
        current_setting('synchronous_commit') AS commit, current_setting('data_checksums') AS checksums`,
    );
    expect(settings).toEqual([
      { version: expect.stringMatching(/^18\./), fsync: "on", commit: "on", checksums: "on" },
    ]);
    const url = new URL(postgres.url);
    url.password = "wrong";
    await expect(query(url.href, "SELECT 1")).rejects.toThrow(/password/);
    expect((await stat(dataDir)).mode & 0o777).toBe(0o700);
    expect((await stat(join(dataDir, "postgres-password"))).mode & 0o777).toBe(0o600);
  });

  it("refuses a folder that another one uses, and names the process", async () => {
    await using _first = await start();
    await expect(start()).rejects.toThrow(`in use by another server (process ${process.pid})`);
  });

  it("lets exactly one of two starts win", async () => {
    const outcomes = await Promise.allSettled([start(), start()]);
    const won = outcomes.filter((o): o is PromiseFulfilledResult<EmbeddedPostgres> => {
      return o.status === "fulfilled";
    });
    expect(won).toHaveLength(1);
    await won[0]?.value.stop();
  });

  it("comes back on the same url when its postmaster is killed", async () => {
    await using postgres = await start();
    await query(postgres.url, "CREATE TABLE kept AS SELECT 1 AS x");
    const killed = postgres.pid;
    process.kill(killed, "SIGKILL");
    while (postgres.pid === killed) await sleep(20);
    expect(await queryWhenBack(postgres.url, "SELECT x FROM kept")).toEqual([{ x: 1 }]);
  });

  it.each([
    ["an empty", ""],
    ["a stale", `${process.pid}\n/elsewhere\n1700000000\n5432\n\n127.0.0.1\n  1 1\nready\n`],
  ])("starts over %s postmaster.pid", async (_, content) => {
    await (await start()).stop();
    await writeFile(join(dataDir, "postgres", "postmaster.pid"), content);
    await using postgres = await start();
    expect(await query(postgres.url, "SELECT 1 AS x")).toEqual([{ x: 1 }]);
  });

  it("starts again after its server was killed", async () => {
    const { child, url, pid } = await startChild();
    await query(url, "CREATE TABLE kept AS SELECT 1 AS x");
    child.kill("SIGKILL");
    await using postgres = await start();
    expect(postgres.pid).not.toBe(pid);
    expect(await query(postgres.url, "SELECT x FROM kept")).toEqual([{ x: 1 }]);
  });

  it("makes the cluster anew after a first start that was cut off", async () => {
    await mkdir(join(dataDir, "postgres-new-abc", "base"), { recursive: true });
    await using postgres = await start();
    expect(await query(postgres.url, "SELECT 1 AS x")).toEqual([{ x: 1 }]);
    await expect(stat(join(dataDir, "postgres-new-abc"))).rejects.toThrow("ENOENT");
  });

  it("refuses a cluster of another version", async () => {
    await (await start()).stop();
    await writeFile(join(dataDir, "postgres", "PG_VERSION"), "17\n");
    await expect(start()).rejects.toThrow("is of PostgreSQL 17, this is 18");
  });

  it.runIf(isRoot)("runs for root under a folder that root alone can enter", async () => {
    await mkdir(join(folder, "home"), { mode: 0o700 });
    dataDir = join(folder, "home", "data");
    await using postgres = await start();
    const status = await readFile(`/proc/${postgres.pid}/cmdline`, "utf8");
    expect(status).toContain(dataDir);
    expect(await query(postgres.url, "SELECT 1 AS x")).toEqual([{ x: 1 }]);
  });

  it.runIf(isRoot)("runs for an ordinary user", async () => {
    await mkdir(dataDir, { mode: 0o700 });
    await chown(folder, NOBODY, NOBODY);
    await chown(dataDir, NOBODY, NOBODY);
    const { child, url } = await startChild(NOBODY);
    try {
      expect(await query(url, "SELECT 1 AS x")).toEqual([{ x: 1 }]);
      expect((await stat(join(dataDir, "postgres"))).uid).toBe(NOBODY);
    } finally {
      child.kill("SIGKILL");
    }
    // The next start shuts down what the killed one left.
    dataDir = join(folder, "data");
  });
});
