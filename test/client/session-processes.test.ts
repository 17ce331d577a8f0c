/** Sessions whose server, or whose host, is a process that ends. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { RunState } from "../../gen/tally/v1/run_pb.js";
import { createTallyClient, listSpoolFiles, openRun, sendSpool } from "../../src/client/index.js";
import { Connection } from "../../src/db/client.js";
import { createProjects } from "../faults/tenants.js";
import { createTestDatabase } from "../support/database.js";
import { startServerProcess } from "../support/server-process.js";
import { numbered, type SessionLab, startSessionLab } from "./session-lab.js";

vi.setConfig({ testTimeout: 120_000 });

it("loses and doubles nothing while its server is restarted ten times", async () => {
  await using database = await createTestDatabase();
  await using server = await startServerProcess({ databaseUrl: database.url });
  const [project] = await createProjects(server.url, server.adminToken);
  const spoolDir = await mkdtemp(join(tmpdir(), "tally-restarts-"));
  const client = createTallyClient({ url: server.url, token: project?.token ?? "" });
  const session = openRun({ client, run: { runId: "restarts" }, spoolDir, batchResults: 40 });
  let added = 0;
  let isOver = false;
  const adding = (async () => {
    while (!isOver) {
      for (let i = 0; i < 10; i++) session.add(numbered(added++));
      // A dozen batches a second; more would keep the server from starting.
      await sleep(20);
    }
  })();
  for (let i = 0; i < 10; i++) {
    await server.end(i % 2 === 0 ? "SIGKILL" : "SIGTERM");
    await server.ready();
    await sleep(200);
  }
  isOver = true;
  await adding;
  const summary = await session.close({ deadlineMs: 60_000 });
  expect(summary).toMatchObject({ sent: added, acknowledged: added, spooled: 0, dropped: 0 });
  await using db = new Connection({ url: database.url, prepare: false });
  const count = "SELECT count(*) AS results, count(DISTINCT test_key) AS tests FROM results";
  const [row] = await db.query<{ results: string; tests: string }>(count, []);
  expect(row).toEqual({ results: String(added), tests: String(added) });
  const { run } = await client.stats.getRun({ runId: "restarts" });
  expect(run).toMatchObject({ state: RunState.FINISHED, totals: { resultCount: BigInt(added) } });
  client.close();
  await rm(spoolDir, { recursive: true });
  expect(server.complaints).toEqual([]);
});

describe("a host", () => {
  let lab: SessionLab;
  beforeAll(async () => {
    lab = await startSessionLab();
  });
  afterAll(() => lab[Symbol.asyncDispose]());
  let runs = 0;
  let runId = "";
  beforeEach(() => {
    runId = `host ${runs++}`;
  });
  afterEach(() => rm(lab.spoolDir, { recursive: true, force: true }));

  /** Runs `code` in a process with an open session, as a test framework would. */
  function startHost(
    code: string,
    options: object = {},
  ): { child: ChildProcess; output(): string } {
    const library = fileURLToPath(new URL("../../dist/src/client/index.js", import.meta.url));
    const session = { run: { runId }, spoolDir: lab.spoolDir, ...options };
    const program = `
      import { createTallyClient, openRun } from ${JSON.stringify(library)};
      const client = createTallyClient(${JSON.stringify({ url: lab.url, token: lab.server.allToken })});
      const session = openRun({ client, ...${JSON.stringify(session)} });
      const add = (from, to) => {
        for (let i = from; i < to; i++) session.add({ test: { name: "test " + i }, status: 1 });
      };
      ${code}`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk) => {
        output += chunk;
      });
    }
    return { child, output: () => output };
  }

  async function exitOf(child: ChildProcess): Promise<number | null> {
    const [code] = (await once(child, "close")) as [number | null];
    return code;
  }

  const send = () => sendSpool({ client: lab.client(), dir: lab.spoolDir });

  it("ends by itself without closing its session, and everything is delivered", async () => {
    const { child, output } = startHost("add(0, 12_000);");
    expect(await exitOf(child)).toBe(0);
    expect(output()).toBe("");
    await send();
    expect(await lab.stored(runId)).toEqual({ results: 12_000, tests: 12_000 });
  });

  it("ends at once after the close, though its client is open", async () => {
    const { child, output } = startHost(
      `add(0, 100);
      const { acknowledged } = await session.close();
      const held = process.getActiveResourcesInfo().filter((each) => each === "Timeout");
      console.log(acknowledged, held.length);`,
      { spool: "send" },
    );
    expect(await exitOf(child)).toBe(0);
    expect(output()).toBe("100 0\n");
  });

  it("ends by itself while the server is silent, and everything is kept", async () => {
    lab.proxy.setBlackhole(true);
    const { child, output } = startHost("add(0, 12_000);", { awayAfterMs: 500 });
    const startedAt = performance.now();
    expect(await exitOf(child)).toBe(0);
    expect(performance.now() - startedAt).toBeLessThan(20_000);
    expect(output()).toMatch(/^tally: http:\S+ does not answer: results go to \S+\n$/);
    lab.proxy.setBlackhole(false);
    lab.proxy.cut("rst");
    expect(await send()).toMatchObject([{ outcome: "sent", sentCount: 12_000 }]);
    expect(await lab.stored(runId)).toEqual({ results: 12_000, tests: 12_000 });
  });

  it.each([
    ["exits at once", "process.exit(3);", 3],
    ["does not catch an error", "throw new Error('a bug of the host');", 1],
    ["exits while it closes", "session.close({ deadlineMs: 20_000 }); process.exit(4);", 4],
  ])("that %s keeps its exit code, and everything is kept", async (_, end, code) => {
    lab.proxy.setBlackhole(true);
    const { child } = startHost(`add(0, 700); ${end}`);
    expect(await exitOf(child)).toBe(code);
    lab.proxy.setBlackhole(false);
    lab.proxy.cut("rst");
    expect(await send()).toMatchObject([{ outcome: "sent", acceptedCount: 700 }]);
    expect(await lab.stored(runId)).toEqual({ results: 700, tests: 700 });
    const { run } = await lab.client().stats.getRun({ runId });
    expect(run?.state).toBe(code === 4 ? RunState.FINISHED : RunState.RUNNING);
  });

  it("may have many sessions: it hears no warning, and all they have is kept", async () => {
    lab.proxy.setBlackhole(true);
    const { child, output } = startHost(`
      const others = Array.from({ length: 12 }, (_, i) =>
        openRun({ client, run: { runId: "${runId} of " + i }, spoolDir: ${JSON.stringify(lab.spoolDir)} }));
      for (const each of [session, ...others]) each.add({ test: { name: "kept" }, status: 1 });
      setImmediate(() => process.exit());`);
    expect(await exitOf(child)).toBe(0);
    expect(output()).not.toContain("MaxListeners");
    lab.proxy.setBlackhole(false);
    lab.proxy.cut("rst");
    const sent = await send();
    expect(sent.map(({ acceptedCount }) => acceptedCount)).toEqual(Array(13).fill(1));
  });

  it("that exits where the disk takes nothing says that results are lost", async () => {
    lab.proxy.setBlackhole(true);
    const { child, output } = startHost("add(0, 10); process.exit(3);", {
      spoolDir: "/proc/tally",
    });
    expect(await exitOf(child)).toBe(3);
    lab.proxy.setBlackhole(false);
    lab.proxy.cut("rst");
    expect(output()).toContain("tally: results are lost: ");
  });

  it("that changes its folder keeps everything in one", async () => {
    lab.proxy.setBlackhole(true);
    const spoolDir = relative(process.cwd(), lab.spoolDir);
    const { child, output } = startHost(
      `add(0, 700);
      process.stderr.write = () => {
        process.chdir("/");
        add(700, 800);
        session.close({ deadlineMs: 100 }).then((summary) => {
          console.log(summary.spoolFile, summary.spooled);
          process.exit();
        });
      };`,
      { spoolDir, awayAfterMs: 300 },
    );
    expect(await exitOf(child)).toBe(0);
    lab.proxy.setBlackhole(false);
    lab.proxy.cut("rst");
    const [name = ""] = await lab.spoolFiles();
    expect(output()).toBe(`${join(lab.spoolDir, name)} 800\n`);
    expect(await send()).toMatchObject([{ outcome: "sent", acceptedCount: 800 }]);
  });

  it("that is killed leaves what was acknowledged, and a spool that can be sent", async () => {
    const { child, output } = startHost(
      `process.once("SIGUSR2", () => {
        let next = 500;
        setInterval(() => { add(next, next + 100); next += 100; }, 20);
      });
      add(0, 500);`,
      { batchResults: 100, awayAfterMs: 300 },
    );
    const before = { results: 500, tests: 500 };
    await expect.poll(() => lab.stored(runId)).toEqual(before);
    lab.proxy.setBlackhole(true);
    child.kill("SIGUSR2");
    await expect.poll(output).toContain("does not answer");
    // More than the first 500 take.
    const spooled = async () =>
      (await listSpoolFiles(lab.spoolDir)).map(({ bytes }) => bytes > 20_000);
    await expect.poll(spooled).toEqual([true]);
    child.kill("SIGKILL");
    await exitOf(child);
    lab.proxy.setBlackhole(false);
    lab.proxy.cut("rst");
    const [outcome] = await send();
    expect(outcome).toMatchObject({ outcome: "sent", runId, rejectedCount: 0, conflictCount: 0 });
    expect(outcome?.acceptedCount).toBeGreaterThan(0);
    const after = await lab.stored(runId);
    expect(after.results).toBe(before.results + (outcome?.acceptedCount ?? 0));
    expect(after.tests).toBe(after.results);
    // Nobody said that the part ended: whoever closes the run learns it.
    const { ingest } = lab.client();
    expect((await ingest.finishRun({ runId })).run?.state).toBe(RunState.INCOMPLETE);
  });
});
