import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { totalmem } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "../../src/embedded/postgres.js";
import { sharedBuffers } from "../../src/embedded/shared-buffers.js";
import { halfMade, kill, query, readAnswer, spawnServer, usePlace, waitFor } from "./support.js";

const place = usePlace();

describe("the embedded Postgres", () => {
  it("keeps its data from one start to the next, and stops in between", async () => {
    const first = await place.start();
    await query(first.url, "CREATE TABLE kept AS SELECT 42 AS answer");
    await Promise.all([first.stop(), first.stop()]);
    await first.stop();
    expect(await first.exited).toBeNull();
    await expect(query(first.url, "SELECT 1")).rejects.toThrow();
    await using second = await place.start();
    expect(await query(second.url, "SELECT answer FROM kept")).toEqual([{ answer: 42 }]);
  });

  it("is PostgreSQL 18, durable, with checksums, for who has the password", async () => {
    await using postgres = await startEmbeddedPostgres({ dataDir: place.dataDir });
    const settings = await query(
      postgres.url,
      `SELECT current_setting('server_version') AS version, current_setting('fsync') AS fsync,
        current_setting('synchronous_commit') AS commit, current_setting('data_checksums') AS checksums,
        current_setting('server_encoding') AS encoding, current_setting('listen_addresses') AS host,
        current_setting('unix_socket_directories') AS sockets`,
    );
    expect(settings).toEqual([
      {
        version: expect.stringMatching(/^18\./),
        fsync: "on",
        commit: "on",
        checksums: "on",
        encoding: "UTF8",
        host: "127.0.0.1",
        sockets: "",
      },
    ]);
    const url = new URL(postgres.url);
    url.password = "wrong";
    await expect(query(url.href, "SELECT 1")).rejects.toThrow(/password/);
    expect((await stat(place.dataDir)).mode & 0o777).toBe(0o700);
    expect((await stat(join(place.dataDir, "postgres-password"))).mode & 0o777).toBe(0o600);
  });

  it("takes settings, and needs no log to know that it is up", async () => {
    const lines: string[] = [];
    const settings = { max_connections: "7", listen_addresses: "*", port: "1" };
    const loud = await place.start({ settings, onLog: (line) => lines.push(line) });
    expect(
      await query(
        loud.url,
        `SELECT current_setting('max_connections') AS connections,
          current_setting('listen_addresses') AS host`,
      ),
    ).toEqual([{ connections: "7", host: "127.0.0.1" }]);
    await loud.stop();
    expect(lines).toContainEqual(expect.stringContaining("ready to accept connections"));
    await using quiet = await place.start({ settings: { log_min_messages: "panic" } });
    expect(await query(quiet.url, "SELECT 1 AS x")).toEqual([{ x: 1 }]);
  });

  it("keeps pages in a quarter of the memory, within bounds", async () => {
    expect([2 ** 28, 2 ** 32, 2 ** 40].map((bytes) => sharedBuffers(bytes))).toEqual([
      "128MB",
      "1024MB",
      "8192MB",
    ]);
    const mib = Number.parseInt(sharedBuffers(), 10);
    expect(mib).toBeLessThanOrEqual(Math.max(128, totalmem() / 2 ** 20 / 4));
    await using postgres = await place.start();
    const bytes = "SELECT pg_size_bytes(current_setting('shared_buffers'))::int8 / 1048576 AS mib";
    expect(await query(postgres.url, bytes)).toEqual([{ mib: String(mib) }]);
  });

  it("says why it does not start, and leaves the folder free", async () => {
    const settings = { shared_buffers: "a lot" };
    await expect(place.start({ settings })).rejects.toThrow(/shared_buffers/);
    await using postgres = await place.start();
    expect(await query(postgres.url, "SELECT 1 AS x")).toEqual([{ x: 1 }]);
  });

  it("is not changed by the environment", async () => {
    onTestFinished(() => {
      vi.unstubAllEnvs();
    });
    vi.stubEnv("PGDATESTYLE", "German");
    vi.stubEnv("TZ", "Asia/Tokyo");
    await using postgres = await place.start();
    expect(
      await query(
        postgres.url,
        "SELECT current_setting('DateStyle') AS style, current_setting('TimeZone') AS zone",
      ),
    ).toEqual([{ style: "ISO, MDY", zone: expect.stringMatching(/UTC$/) }]);
  });

  it.runIf(process.platform === "linux")(
    "is in a process group of its own, out of Ctrl-C's reach",
    async () => {
      await using postgres = await place.start();
      const status = await readFile(`/proc/${postgres.pid}/stat`, "utf8");
      const [, , group] = status.slice(status.lastIndexOf(")") + 2).split(" ");
      expect(Number(group)).toBe(postgres.pid);
    },
  );
});

describe("a start that is given up", () => {
  const given = new Error("not wanted any more");

  it("leaves no half-made cluster", async () => {
    const abort = new AbortController();
    const start = place.start({ signal: abort.signal });
    const isUnderWay = () => halfMade(place.dataDir).length > 0;
    await Promise.all([
      expect(start).rejects.toBe(given),
      waitFor(isUnderWay).then(() => abort.abort(given)),
    ]);
    expect(isUnderWay()).toBe(false);
    await using postgres = await place.start();
    expect(await query(postgres.url, "SELECT 1 AS x")).toEqual([{ x: 1 }]);
  });

  it("leaves no postmaster", async () => {
    await (await place.start()).stop();
    // A standby that waits for its primary is never ready.
    const standby = join(place.dataDir, "postgres", "standby.signal");
    await writeFile(standby, "");
    const abort = new AbortController();
    const start = place.start({
      settings: { hot_standby: "off" },
      signal: abort.signal,
      onLog: (line) => {
        if (line.includes("entering standby mode")) abort.abort(given);
      },
    });
    await expect(start).rejects.toBe(given);
    await rm(standby);
    await using postgres = await place.start();
    expect(await query(postgres.url, "SELECT 1 AS x")).toEqual([{ x: 1 }]);
  });
});

describe("a folder", () => {
  it("of something else is refused, and left as it is", async () => {
    await mkdir(place.dataDir, { mode: 0o755 });
    await writeFile(join(place.dataDir, "notes.txt"), "");
    await expect(place.start()).rejects.toThrow(
      `${place.dataDir} cannot be the data folder, set TALLY_DATA_DIR: it holds other files, such as notes.txt`,
    );
    expect((await stat(place.dataDir)).mode & 0o777).toBe(0o755);
    expect(await readdir(place.dataDir)).toEqual(["notes.txt"]);
  });

  it("is taken empty, as a new volume or as an interrupted start left it, and when files have come to ours", async () => {
    await mkdir(join(place.dataDir, "lost+found"), { recursive: true });
    await writeFile(join(place.dataDir, "lock.sock"), "");
    await (await place.start()).stop();
    await writeFile(join(place.dataDir, "notes.txt"), "");
    await (await place.start()).stop();
    expect((await stat(place.dataDir)).mode & 0o777).toBe(0o700);
  });
});

describe("a folder in use", () => {
  it("is refused, and the process that uses it named", async () => {
    await using _first = await place.start();
    await expect(place.start()).rejects.toThrow(
      `${place.dataDir} is in use by another server (process ${process.pid})`,
    );
  });

  it("is free after a stop, though somebody who asked never hung up", async () => {
    const postgres = await place.start();
    const sockets = (await readFile("/proc/net/unix", "utf8").catch(() => "")).split("\n");
    const names = sockets.flatMap((line) => /@(tally-data-[0-9a-f]+)/.exec(line)?.[1] ?? []);
    const asked = names.map((name) => connect({ path: `\0${name}`, allowHalfOpen: true }));
    for (const socket of asked) socket.on("error", () => {});
    await postgres.stop();
    for (const socket of asked) socket.destroy();
    await (await place.start()).stop();
  });

  it("goes to exactly one of two starts in one process", async () => {
    const outcomes = await Promise.allSettled([place.start(), place.start()]);
    const won = outcomes.filter((o): o is PromiseFulfilledResult<EmbeddedPostgres> => {
      return o.status === "fulfilled";
    });
    expect(won).toHaveLength(1);
    await won[0]?.value.stop();
  });

  it("goes to exactly one of three processes that start at once", async () => {
    const children = [1, 2, 3].map(() => spawnServer(place.dataDir));
    try {
      const answers = await Promise.all(children.map(readAnswer));
      const winner = answers.findIndex(({ error }) => error === undefined);
      const expected = `in use by another server (process ${children[winner]?.pid})`;
      const losers = answers.filter((_, i) => i !== winner);
      expect(losers).toEqual([1, 2].map(() => ({ error: expect.stringContaining(expected) })));
    } finally {
      await Promise.all(children.map(kill));
    }
    // It shuts down what the killed winner left.
    await (await place.start()).stop();
  });
});
