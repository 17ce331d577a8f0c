import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";
import { Scope } from "../../gen/tally/v1/tenancy_pb.js";
import { createTallyClient, type TallyClient } from "../../src/client/index.js";
import { createTestDatabase } from "../support/database.js";
import { startServerProcess } from "../support/server-process.js";

const STREAMS = 64;
const CALLS_PER_SECOND = 50;
const CALLS = 300;

it(`keeps a quiet project's calls quick while another floods with ${STREAMS} streams`, async () => {
  await using database = await createTestDatabase();
  await using server = await startServerProcess({ databaseUrl: database.url });
  using admin = client(server.url, server.adminToken);
  const quiet = client(server.url, await newProject(admin, "quiet"));
  onTestFinished(() => quiet.close());
  const loud = await newProject(admin, "loud");

  await callSteadily(quiet, "warm-up", 100);
  const alone = await callSteadily(quiet, "alone", CALLS);
  const flood = await startFlood(server.url, loud);
  const beside = await callSteadily(quiet, "beside", CALLS);
  const acknowledged = await flood.stop();

  expect(beside.failures).toEqual([]);
  // A call that waits its turn behind the streams takes seconds. Of the p99 the bench tells (`fairness`).
  expect(beside.median).toBeLessThan(10 * alone.median);
  const { run } = await quiet.stats.getRun({ runId: "beside" });
  expect(run?.totals?.resultCount).toBe(BigInt(CALLS));
  // The other one was let in as well.
  expect(acknowledged).toBeGreaterThan(0);
  expect(server.complaints).toEqual([]);
}, 120_000);

function client(url: string, token: string): TallyClient & Disposable {
  const made = createTallyClient({ url, token });
  return { ...made, [Symbol.dispose]: () => made.close() };
}

async function newProject({ tenancy }: TallyClient, name: string): Promise<string> {
  const { organization } = await tenancy.createOrganization({ name });
  const organizationId = organization?.organizationId ?? "";
  const { project } = await tenancy.createProject({ organizationId, name });
  const projectId = project?.projectId ?? "";
  return (await tenancy.createToken({ projectId, name, scopes: [Scope.INGEST, Scope.READ] }))
    .secret;
}

/** Calls at a steady rate, whether or not earlier calls have been answered. */
async function callSteadily({ ingest }: TallyClient, runId: string, count: number) {
  const startedAt = performance.now();
  const failures: string[] = [];
  const call = async (i: number) => {
    await sleep(startedAt + (i * 1000) / CALLS_PER_SECOND - performance.now());
    const calledAt = performance.now();
    try {
      await ingest.ingestRun({
        run: { runId },
        results: [{ test: { name: `test ${i % 50}` }, resultId: String(i), status: 1 }],
      });
    } catch (error) {
      failures.push(String(error));
    }
    return performance.now() - calledAt;
  };
  const times = await Promise.all(Array.from({ length: count }, (_, i) => call(i)));
  times.sort((a, b) => a - b);
  return { median: times[Math.floor(times.length / 2)] ?? Infinity, failures };
}

/** A flood in a process of its own; resolves when every stream has had an answer. */
async function startFlood(url: string, token: string) {
  const program = fileURLToPath(new URL("../../dist/bench/load/flood.js", import.meta.url));
  const child = spawn(
    process.execPath,
    [program, "--url", url, "--token", token, "--streams", String(STREAMS)],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const exited = once(child, "exit");
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  let acknowledged = 0;
  createInterface({ input: child.stdout }).on("line", (line) => {
    acknowledged = Number(line);
  });
  while (acknowledged < STREAMS) await sleep(20);
  const before = acknowledged;
  return {
    /** The batches acknowledged since it started. */
    async stop() {
      child.kill("SIGKILL");
      await exited;
      return acknowledged - before;
    },
  };
}
