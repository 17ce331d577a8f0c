/** Files of the spool: what crashes leave of them, and who sends them. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, rmSync } from "node:fs";
import {
  appendFile,
  copyFile,
  mkdir,
  readdir,
  readFile,
  rename,
  utimes,
  writeFile,
} from "node:fs/promises";
import { basename, join } from "node:path";
import { crc32 } from "node:zlib";
import { Code } from "@connectrpc/connect";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { listSpoolFiles, openRun, sendSpool } from "../../src/client/index.js";
import { openSpoolFile } from "../../src/client/spool-reader.js";
import { numbered, type SessionLab, startSessionLab } from "./session-lab.js";

vi.setConfig({ testTimeout: 60_000 });
let lab: SessionLab;
beforeEach(async () => {
  lab = await startSessionLab();
});
afterEach(() => lab[Symbol.asyncDispose]());

/** Makes a file with so many results, in batches of 100. */
async function spool(runId: string, count: number): Promise<string> {
  // Written for the server itself; nobody listens where it was sent.
  const nobody = lab.client({ url: "http://127.0.0.1:1" });
  const client = { ...nobody, origin: lab.client().origin };
  const session = lab.open(runId, { client, batchResults: 100 });
  for (let i = 0; i < count; i++) session.add(numbered(i));
  const { spoolFile = "", spooled } = await session.close({ deadlineMs: 0 });
  expect(spooled).toBe(count);
  return spoolFile;
}

const send = (options = {}) => sendSpool({ client: lab.client(), dir: lab.spoolDir, ...options });

it("reads a file that was cut at any byte up to its last whole record", async () => {
  const path = await spool("cut", 300);
  const whole = await readFile(path);
  const ends: number[] = [];
  for (let at = 0; at < whole.length; ) {
    at += 8 + whole.readUInt32LE(at);
    ends.push(at);
  }
  expect(ends).toHaveLength(5);
  const cutPath = `${path}.cut`;
  // Around every record's end, and some in between.
  const cuts = ends.flatMap((end) => [
    end - 1,
    end,
    end + 1,
    end + 7,
    end + 8,
    end + 9,
    end + 1000,
  ]);
  for (const size of cuts.filter((cut) => cut <= whole.length)) {
    await writeFile(cutPath, whole.subarray(0, size));
    const complete = ends.filter((end) => end <= size).length;
    if (complete === 0) {
      await expect(openSpoolFile(cutPath)).rejects.toThrow("no whole header");
      continue;
    }
    await using reader = await openSpoolFile(cutPath);
    let records = 1;
    for await (const _ of reader.records()) records++;
    expect(records).toBe(complete);
    expect(reader.tornBytes).toBe(size - (ends[complete - 1] ?? 0));
  }
  // A byte that has changed ends it too.
  const spoilt = Buffer.from(whole);
  const at = (ends[1] ?? 0) + 50;
  spoilt[at] = (spoilt[at] ?? 0) ^ 1;
  await writeFile(cutPath, spoilt);
  await using reader = await openSpoolFile(cutPath);
  let count = 0;
  for await (const record of reader.records()) if (record.kind === "batch") count += record.count;
  expect(count).toBe(100);
});

it("sends what is whole of a torn file, says what is not, and sends nothing twice", async () => {
  const path = await spool("torn", 300);
  const copy = path.replace(/.\.spool$/, (end) => `${end.startsWith("0") ? 1 : 0}.spool`);
  await copyFile(path, copy);
  const whole = await readFile(path);
  // Within the last batch: the finish is gone too.
  await writeFile(path, whole.subarray(0, whole.length - 200));
  const outcomes = await send();
  expect(outcomes).toHaveLength(2);
  const torn = outcomes.find(({ tornBytes }) => tornBytes > 0);
  expect(torn).toMatchObject({ outcome: "sent", runId: "torn", sentCount: 200 });
  const sum = (key: "acceptedCount" | "duplicateCount") =>
    outcomes.reduce((total, outcome) => total + outcome[key], 0);
  expect([sum("acceptedCount"), sum("duplicateCount")]).toEqual([300, 200]);
  expect(await lab.stored("torn")).toEqual({ results: 300, tests: 300 });
  expect(await lab.spoolFiles()).toEqual([]);
});

it("is sent by several at once, each file by one of them", async () => {
  for (let i = 0; i < 4; i++) await spool(`run ${i}`, 250);
  const outcomes = (await Promise.all([send(), send(), send()])).flat();
  const sent = outcomes.filter(({ outcome }) => outcome === "sent");
  expect(sent.map(({ runId }) => runId).sort()).toEqual([0, 1, 2, 3].map((i) => `run ${i}`));
  expect(outcomes.every(({ outcome }) => outcome === "sent" || outcome === "in use")).toBe(true);
  for (let i = 0; i < 4; i++) {
    expect(await lab.stored(`run ${i}`)).toEqual({ results: 250, tests: 250 });
  }
  expect(await lab.spoolFiles()).toEqual([]);
});

it("waits again when it cannot be sent, with all that it holds", async () => {
  const path = await spool("later", 10);
  const client = { ...lab.client({ url: "http://127.0.0.1:1" }), origin: lab.client().origin };
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 500);
  const [outcome] = await send({ client, signal: controller.signal });
  expect(outcome).toMatchObject({ outcome: "kept", path, runId: "later" });
  expect(await send()).toMatchObject([{ outcome: "sent", acceptedCount: 10 }]);
});

it("leaves alone what a living process owns, and takes what dead ones left", async () => {
  const path = await spool("owned", 10);
  const child = spawn("sleep", ["60"]);
  const own = (await listSpoolFiles(lab.spoolDir))[0]?.id ?? "";
  const live = lab.open("live", {
    client: lab.client({ url: "http://127.0.0.1:1" }),
    awayAfterMs: 50,
  });
  live.add(numbered(0));
  await expect.poll(async () => (await lab.spoolFiles()).length).toBe(2);
  const liveName = (await lab.spoolFiles()).find((name) => name.endsWith(".live")) ?? "";
  const [, host] = /\.([0-9a-f]{8})-/.exec(liveName) ?? [];
  const owned = join(lab.spoolDir, `${own}.${host}-${child.pid}.live`);
  await rename(path, owned);
  const states = async () => (await listSpoolFiles(lab.spoolDir)).map(({ state }) => state);
  expect(await states()).toEqual(["in use", "in use"]);
  expect((await send({ which: "any" })).map(({ outcome }) => outcome)).toEqual([
    "in use",
    "in use",
  ]);
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(await states()).toEqual(["waiting", "in use"]);
  // Of another machine nobody can say; there silence tells.
  const foreign = join(lab.spoolDir, `${own}.00000000-1.live`);
  await rename(owned, foreign);
  expect(await states()).toEqual(["in use", "in use"]);
  const old = new Date(Date.now() - 10 * 60_000);
  await utimes(foreign, old, old);
  expect(await states()).toEqual(["waiting", "in use"]);
  expect((await send()).map(({ outcome }) => outcome)).toEqual(["sent", "in use"]);
  await live.close({ deadlineMs: 0 });
});

it("loses nothing when another process takes the file of a session that goes on", async () => {
  const client = { ...lab.client({ url: "http://127.0.0.1:1" }), origin: lab.client().origin };
  const session = lab.open("taken", { client, awayAfterMs: 50, batchResults: 10 });
  for (let i = 0; i < 10; i++) session.add(numbered(i));
  await expect.poll(async () => (await lab.spoolFiles()).length).toBe(1);
  // As if this process had been frozen for long.
  const [name = ""] = await lab.spoolFiles();
  await rename(join(lab.spoolDir, name), join(lab.spoolDir, name.replace(/\..*/, ".spool")));
  expect(await send()).toMatchObject([{ outcome: "sent", acceptedCount: 10 }]);
  for (let i = 10; i < 30; i++) session.add(numbered(i));
  const { spoolFile } = await session.close({ deadlineMs: 0 });
  expect(spoolFile).toBeDefined();
  await send();
  expect(await lab.stored("taken")).toEqual({ results: 30, tests: 30 });
});

it("keeps what it cannot read aside", async () => {
  await mkdir(lab.spoolDir);
  await writeFile(join(lab.spoolDir, "0a1b2c3d4-00000000.spool"), "no spool file at all");
  await writeFile(join(lab.spoolDir, "notes.txt"), "nor this");
  expect(await send()).toMatchObject([{ outcome: "failed", sentCount: 0 }]);
  expect(await lab.spoolFiles()).toEqual(["failed", "notes.txt"]);
});

it("puts aside what is for a project that is not there, and goes on with the next", async () => {
  const nobody = lab.client({ url: "http://127.0.0.1:1", token: lab.server.adminToken });
  const client = { ...nobody, origin: lab.client().origin };
  for (const projectId of ["gone", lab.server.projectId]) {
    const session = lab.open(`of ${projectId}`, { client, projectId });
    session.add(numbered(0));
    await session.close({ deadlineMs: 0 });
  }
  const outcomes = await send({ client: lab.client({ token: lab.server.adminToken }) });
  expect(outcomes).toMatchObject([
    { outcome: "failed", runId: "of gone", error: { code: Code.NotFound } },
    { outcome: "sent", acceptedCount: 1 },
  ]);
  expect(await lab.spoolFiles()).toEqual(["failed"]);
  expect(await send()).toEqual([]);
});

it("goes on with the next where something is wrong with one file alone", async () => {
  const first = await spool("of a later version", 10);
  await spool("next", 10);
  const body = Buffer.from([99]);
  const record = Buffer.alloc(9);
  record.writeUInt32LE(body.length, 0);
  record.writeUInt32LE(crc32(body), 4);
  record.set(body, 8);
  await appendFile(first, record);
  expect(await send()).toMatchObject([
    { outcome: "kept", error: { message: expect.stringContaining("a later version") } },
    { outcome: "sent", runId: "next", acceptedCount: 10 },
  ]);
  expect(await lab.spoolFiles()).toEqual([basename(first)]);
});

it("says why a file is kept also where another process has taken it meanwhile", async () => {
  await spool("away", 10);
  const client = lab.client({ token: lab.server.readToken });
  const publishResults: typeof client.ingest.publishResults = (...given) => {
    rmSync(lab.spoolDir, { recursive: true });
    return client.ingest.publishResults(...given);
  };
  const ingest = { ...client.ingest, publishResults };
  const outcomes = await send({ client: { ...client, ingest }, which: "any" });
  expect(outcomes).toMatchObject([{ outcome: "kept", error: { code: Code.PermissionDenied } }]);
});

it("says why a file is refused also where another process has taken it meanwhile", async () => {
  const path = await spool("", 10);
  const client = lab.client();
  const publishResults: typeof client.ingest.publishResults = (...given) => {
    for (const name of readdirSync(lab.spoolDir)) rmSync(join(lab.spoolDir, name));
    return client.ingest.publishResults(...given);
  };
  const ingest = { ...client.ingest, publishResults };
  const outcomes = await send({ client: { ...client, ingest } });
  expect(outcomes).toMatchObject([
    { outcome: "failed", path, error: { code: Code.InvalidArgument } },
  ]);
  expect(await readdir(join(lab.spoolDir, "failed"))).toEqual([]);
});

it("sends what waits in a folder whose name ends like that of the failed ones", async () => {
  const path = await spool("named", 10);
  const dir = join(lab.spoolDir, "tally-failed");
  await mkdir(dir);
  await rename(path, join(dir, basename(path)));
  expect(await listSpoolFiles(dir)).toMatchObject([{ state: "waiting" }]);
  expect(await send({ dir })).toMatchObject([{ outcome: "sent", acceptedCount: 10 }]);
});

it("is sent by the next session that is asked to", async () => {
  await spool("earlier", 500);
  const session = openRun({
    client: lab.client(),
    run: { runId: "next" },
    spoolDir: lab.spoolDir,
    spool: "send",
  });
  session.add(numbered(0));
  expect(await session.close()).toMatchObject({ acknowledged: 1 });
  await expect.poll(() => lab.stored("earlier")).toEqual({ results: 500, tests: 500 });
  await expect.poll(() => lab.spoolFiles()).toEqual([]);
});
