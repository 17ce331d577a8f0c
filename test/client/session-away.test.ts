/** Sessions whose server is away for a while, or for good; and what they leave. */
import { once } from "node:events";
import { readdirSync, statSync } from "node:fs";
import { readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { RunState, Status } from "../../gen/tally/v1/run_pb.js";
import { listSpoolFiles, sendSpool, type TestResultInit } from "../../src/client/index.js";
import { numbered, type SessionLab, startSessionLab } from "./session-lab.js";

vi.setConfig({ testTimeout: 60_000 });
let lab: SessionLab;
beforeEach(async () => {
  lab = await startSessionLab();
});
afterEach(() => lab[Symbol.asyncDispose]());

const kinds = () => lab.warnings.map(({ kind }) => kind);
const liveFile = () => {
  const [name = ""] = readdirSync(lab.spoolDir).filter((each) => each.endsWith(".live"));
  return join(lab.spoolDir, name);
};
const getRun = (runId: string) => lab.server.client(lab.server.allToken).stats.getRun({ runId });

it("keeps everything on disk when the server never answers, for one later command", async () => {
  const client = lab.client();
  lab.proxy.setBlackhole(true);
  const session = lab.open("away", { client, part: { job: "j" }, awayAfterMs: 500 });
  for (let i = 0; i < 10_000; i++) session.add(numbered(i));
  await expect.poll(kinds).toEqual(["away"]);
  for (let i = 10_000; i < 20_000; i++) session.add(numbered(i));
  const startedAt = performance.now();
  const summary = await session.close({ deadlineMs: 1_000, status: Status.PASSED });
  const tookMs = performance.now() - startedAt;
  expect(tookMs).toBeGreaterThan(950);
  // Ten seconds are the default.
  expect(tookMs).toBeLessThan(5_000);
  expect(summary).toMatchObject({ sent: 20_000, acknowledged: 0, spooled: 20_000, dropped: 0 });
  expect(summary.spoolFile).toMatch(/\.spool$/);
  const file = summary.spoolFile ?? "";
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect((await readFile(file)).includes(lab.server.allToken)).toBe(false);

  lab.proxy.setBlackhole(false);
  lab.proxy.cut("rst");
  expect(await sendSpool({ client, dir: lab.spoolDir })).toMatchObject([
    { outcome: "sent", runId: "away", sentCount: 20_000, acceptedCount: 20_000, tornBytes: 0 },
  ]);
  expect(await lab.stored("away")).toEqual({ results: 20_000, tests: 20_000 });
  const { run, parts } = await getRun("away");
  expect(run).toMatchObject({ state: RunState.FINISHED, status: Status.PASSED });
  expect(parts).toMatchObject([{ part: { job: "j" }, expectedResultCount: 20_000n }]);
  // It began and ended when the session did, not when the file was sent.
  const [startMs, finishMs] = [run?.startTime, run?.finishTime].map(
    (time) => Number(time?.seconds ?? 0n) * 1000 + (time?.nanos ?? 0) / 1e6,
  );
  expect(finishMs).toBeLessThan(Date.now() - 200);
  expect(startMs).toBeLessThan((finishMs ?? 0) - 500);
  expect(await lab.spoolFiles()).toEqual([]);
});

it("gives up sooner where nobody listens than where nobody answers", async () => {
  const client = lab.client({ url: "http://127.0.0.1:1" });
  const session = lab.open("nobody", { client });
  session.add(numbered(0));
  await sleep(300);
  const startedAt = performance.now();
  const summary = await session.close();
  expect(performance.now() - startedAt).toBeLessThan(4_500);
  expect(summary).toMatchObject({ sent: 1, spooled: 1 });
  expect(ConnectError.from(summary.error).code).toBe(Code.Unavailable);
  expect(await session.close()).toBe(summary);
});

it("delivers from disk what it could not hold, when the server is back", async () => {
  const client = lab.client();
  const session = lab.open("back", { client, awayAfterMs: 300, batchResults: 100 });
  session.add(numbered(0));
  await expect.poll(async () => (await lab.stored("back")).results).toBe(1);
  lab.proxy.setBlackhole(true);
  for (let i = 1; i < 5_000; i++) session.add(numbered(i));
  await expect.poll(kinds).toEqual(["away"]);
  expect(await lab.spoolFiles()).toHaveLength(1);
  lab.proxy.setBlackhole(false);
  lab.proxy.cut("rst");
  await expect.poll(async () => (await lab.stored("back")).results).toBe(5_000);
  // Delivered results are no longer on disk, though the session goes on.
  const size = async () => (await listSpoolFiles(lab.spoolDir)).map(({ bytes }) => bytes < 2_000);
  await expect.poll(size).toEqual([true]);
  session.add(numbered(5_000));
  expect(await session.close()).toMatchObject({ sent: 5_001, acknowledged: 5_001, spooled: 0 });
  expect(await lab.stored("back")).toEqual({ results: 5_001, tests: 5_001 });
  expect(await lab.spoolFiles()).toEqual([]);
});

it("holds its bounds on memory and disk, and counts what it drops", async () => {
  lab.proxy.setBlackhole(true);
  const bounds = { maxMemoryBytes: 1_000_000, maxSpoolBytes: 3_000_000, batchResults: 500 };
  const session = lab.open("bounds", bounds);
  const large = (i: number): TestResultInit => ({ ...numbered(i), stdout: "x".repeat(1_000) });
  // In one go: nothing can be delivered meanwhile.
  for (let i = 0; i < 10_000; i++) session.add(large(i));
  // What memory does not hold has gone to the disk meanwhile, and what the disk does not hold is lost.
  expect(kinds()).toEqual(["dropped"]);
  expect(statSync(liveFile()).size).toBeGreaterThan(2_000_000);
  const summary = await session.close({ deadlineMs: 100 });
  expect(summary.sent).toBe(10_000);
  expect(summary.acknowledged + summary.spooled + summary.dropped).toBe(10_000);
  expect(summary.spooled).toBeGreaterThan(2_000);
  const [file] = await listSpoolFiles(lab.spoolDir);
  expect(file?.bytes).toBeLessThanOrEqual(3_000_000);
  expect(file?.bytes).toBeGreaterThan(2_000_000);
  // The folder as a whole is bounded.
  const next = lab.open("no room", bounds);
  for (let i = 0; i < 3_000; i++) next.add(large(i));
  expect((await next.close({ deadlineMs: 100 })).dropped).toBeGreaterThan(1_000);
  const entries = await listSpoolFiles(lab.spoolDir);
  expect(entries.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(3_000_000);

  // What is announced and lost leaves the run incomplete.
  lab.proxy.setBlackhole(false);
  lab.proxy.cut("rst");
  await sendSpool({ client: lab.client(), dir: lab.spoolDir });
  expect((await getRun("bounds")).run).toMatchObject({
    state: RunState.INCOMPLETE,
    totals: { resultCount: BigInt(summary.spooled) },
  });
});

it("says that results are lost where the disk takes none", async () => {
  lab.proxy.setBlackhole(true);
  const session = lab.open("no disk", { spoolDir: "/proc/tally" });
  session.add(numbered(0));
  expect(await session.close({ deadlineMs: 100 })).toMatchObject({
    sent: 1,
    dropped: 1,
    spooled: 0,
  });
  expect(kinds()).toContain("dropped");
});

it("keeps what a wrong token may not send, and says so at once", async () => {
  const client = lab.client({ token: lab.server.readToken });
  const session = lab.open("forbidden", { client });
  session.add(numbered(0));
  await expect.poll(kinds).toEqual(["refused"]);
  const summary = await session.close();
  expect(summary).toMatchObject({ spooled: 1, acknowledged: 0 });
  expect(ConnectError.from(summary.error).code).toBe(Code.PermissionDenied);
  // With a token that may, asked for by name: it is another one than that of the file.
  const sending = { client: lab.client(), dir: lab.spoolDir };
  expect(await sendSpool(sending)).toMatchObject([{ outcome: "other", runId: "forbidden" }]);
  expect(await sendSpool({ ...sending, which: "any" })).toMatchObject([{ outcome: "sent" }]);
  expect(await lab.stored("forbidden")).toEqual({ results: 1, tests: 1 });
});

it("survives a host that blocks the event loop for longer than the server may be silent", async () => {
  const session = lab.open("blocked", { awayAfterMs: 3_000, batchResults: 10 });
  session.add(numbered(0));
  await expect.poll(async () => (await lab.stored("blocked")).results).toBe(1);
  for (let i = 1; i < 1_000; i++) session.add(numbered(i));
  await sleep(1);
  const until = performance.now() + 4_000;
  while (performance.now() < until) Math.random();
  await sleep(1);
  for (let i = 1_000; i < 2_000; i++) session.add(numbered(i));
  expect(await session.close()).toMatchObject({ acknowledged: 2_000, spooled: 0, dropped: 0 });
  expect(lab.warnings).toEqual([]);
});

it("takes anything without throwing", async () => {
  const session = lab.open("anything");
  const garbage = [
    undefined,
    null,
    5,
    "x",
    {},
    { test: 5 },
    { test: { name: 5 }, status: "PASSED" },
  ];
  for (const each of garbage) session.add(each as never);
  session.add({ ...numbered(0), stdout: "half \ud800 a pair" });
  // Larger than a message may be, and no text that is cut.
  session.add({ ...numbered(1), tags: { ["k".repeat(5_000_000)]: "v" } });
  session.add(numbered(2));
  const [summary, again] = await Promise.all([session.close(), session.close()]);
  expect(again).toBe(summary);
  session.add(numbered(3));
  expect(kinds()).toEqual(["dropped", "late"]);
  const { sent, acknowledged, dropped, rejected } = summary;
  expect(sent).toBe(garbage.length + 3);
  expect(acknowledged + dropped).toBe(sent);
  expect(acknowledged - rejected).toBe(2);
  expect(await lab.stored("anything")).toEqual({ results: 2, tests: 2 });
});

it("says with a summary alone that its run is refused", async () => {
  const session = lab.open("", { run: { runId: "", framework: "x".repeat(2_000) } });
  session.add(numbered(0));
  const summary = await session.close();
  expect(summary).toMatchObject({ sent: 1, spooled: 1 });
  expect(ConnectError.from(summary.error).code).toBe(Code.InvalidArgument);
  expect(kinds()).toEqual(["refused"]);
  const [outcome] = await sendSpool({ client: lab.client(), dir: lab.spoolDir });
  expect(outcome).toMatchObject({ outcome: "failed" });
  expect(await lab.spoolFiles()).toEqual(["failed"]);
  const note = (outcome?.path ?? "").replace(/\.spool$/, ".txt");
  expect(await readFile(note, "utf8")).toContain("run.run_id");
  const [entry] = await listSpoolFiles(lab.spoolDir);
  expect(entry).toMatchObject({ state: "failed", path: outcome?.path });
  // It is not tried again.
  expect(await sendSpool({ client: lab.client(), dir: lab.spoolDir })).toEqual([]);
});

it("leaves nothing where its process ends while only earlier files are under way", async () => {
  lab.proxy.setBlackhole(true);
  await lab.open("earlier").close({ deadlineMs: 100 });
  lab.proxy.setBlackhole(false);
  lab.proxy.cut("rst");
  const client = lab.client();
  let streams = 0;
  let isAnswered = false;
  const publishResults: typeof client.ingest.publishResults = async function* (...given) {
    const signal = given[1]?.signal;
    if (++streams > 1 && signal !== undefined) await once(signal, "abort");
    try {
      yield* client.ingest.publishResults(...given);
    } finally {
      isAnswered = true;
    }
  };
  const ingest = { ...client.ingest, publishResults };
  const session = lab.open("later", { client: { ...client, ingest }, spool: "send" });
  session.add(numbered(0));
  const closing = session.close();
  await expect.poll(() => [isAnswered, streams]).toEqual([true, 2]);
  process.listeners("exit").at(-1)?.(0);
  expect(await lab.spoolFiles()).toHaveLength(1);
  expect(await closing).toMatchObject({ acknowledged: 1, spooled: 0 });
});

it("keeps what was spooled also where its file is removed", async () => {
  lab.proxy.setBlackhole(true);
  const session = lab.open("removed", { awayAfterMs: 300 });
  for (let i = 0; i < 500; i++) session.add(numbered(i));
  await expect.poll(kinds).toEqual(["away"]);
  await rm(lab.spoolDir, { recursive: true });
  for (let i = 500; i < 700; i++) session.add(numbered(i));
  await sleep(300);
  await rm(lab.spoolDir, { recursive: true });
  expect(await session.close({ deadlineMs: 100 })).toMatchObject({ spooled: 700, dropped: 0 });
  lab.proxy.setBlackhole(false);
  lab.proxy.cut("rst");
  expect(await sendSpool({ client: lab.client(), dir: lab.spoolDir })).toMatchObject([
    { outcome: "sent", acceptedCount: 700 },
  ]);
});
