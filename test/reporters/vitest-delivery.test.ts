import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { RunState, type TestResult } from "../../gen/tally/v1/run_pb.js";
import TallyReporter from "../../src/reporters/vitest.js";
import { startVitestLab, type VitestLab } from "./vitest-lab.js";

let fixtures: VitestLab;
beforeAll(async () => {
  fixtures = await startVitestLab();
});
afterAll(() => fixtures[Symbol.asyncDispose]());

/** Starting a framework takes many seconds on a machine that does much else. */
vi.setConfig({ testTimeout: 120_000 });
const PATIENCE = { timeout: 60_000 };

/** Runs two tests, of which the second one goes on until `go` is called. */
function startWaiting(runId: string) {
  const go = join(dirname(fixtures.lab.spoolDir), `go ${runId}`);
  return { ending: fixtures.vitest(runId, ["wait/"], { GO: go }), go: () => writeFile(go, "") };
}

it("shows a result while the run goes on", async () => {
  const { ending, go } = startWaiting("live");
  let seen: TestResult | undefined;
  await expect
    .poll(async () => {
      [seen] = await fixtures.lab.results("live").catch(() => []);
      return seen?.test?.name;
    }, PATIENCE)
    .toBe("ends early");
  const seenAt = Date.now();
  const { run } = await fixtures.lab.client.stats.getRun({ runId: "live" });
  expect(run?.state).toBe(RunState.RUNNING);
  await go();
  const { startTime, duration } = seen ?? {};
  const endedAt = Number(startTime?.seconds) * 1000 + (startTime?.nanos ?? 0) / 1e6;
  // Some 0.3 s; the rest is what a loaded machine may need.
  expect(seenAt - endedAt - (duration?.nanos ?? 0) / 1e6).toBeLessThan(5_000);
  expect((await ending).exitCode).toBe(0);
  expect(await fixtures.lab.finishedRun("live")).toMatchObject({ totals: { passedCount: 2n } });
});

it("makes every run of a watching Vitest a run of its own", async () => {
  const { url, server, spoolDir } = fixtures.lab;
  const reporter = new TallyReporter({ url, token: server.ingestToken, spoolDir, runId: "watch" });
  for (let i = 0; i < 2; i++) {
    reporter.onTestRunStart();
    await reporter.onTestRunEnd([], [], "passed");
  }
  for (const runId of ["watch", "watch-2"]) {
    expect(await fixtures.lab.finishedRun(runId)).toMatchObject({ totals: { resultCount: 0n } });
  }
});

describe("without a server", () => {
  const expectSent = async (runId: string, count: number) => {
    expect(await fixtures.lab.sendSpool()).toMatchObject([{ outcome: "sent" }]);
    const { totals } = await fixtures.lab.finishedRun(runId);
    expect(totals).toMatchObject({ resultCount: BigInt(count), duplicateCount: 0n });
  };

  it.concurrent("without a token says so, and nothing else", async () => {
    const { exitCode, stderr } = await fixtures.vitest("none", ["bail/"], {
      TALLY_TOKEN: "",
      TWICE: "1",
    });
    expect(exitCode).toBe(1);
    expect(stderr.match(/tally: .*/g)).toEqual([
      "tally: there is no TALLY_TOKEN, so results are not reported",
    ]);
  });

  it.concurrent("keeps all results of a server that is down", async () => {
    const { exitCode, stderr } = await fixtures.vitest("down", ["bail/"], {
      TALLY_URL: "http://127.0.0.1:9",
    });
    expect(exitCode).toBe(1);
    expect(stderr).toContain(`4 are in ${fixtures.lab.spoolDir}`);
    await expectSent("down", 4);
  });

  it("keeps all results of a server that says nothing", async () => {
    fixtures.lab.proxy.setBlackhole(true);
    const { exitCode, stderr } = await fixtures.vitest("silent", ["bail/"]);
    fixtures.lab.proxy.setBlackhole(false);
    fixtures.lab.proxy.cut("rst");
    expect(exitCode).toBe(1);
    expect(stderr).toContain(`4 are in ${fixtures.lab.spoolDir}`);
    await expectSent("silent", 4);
  });

  it("keeps what a server did not take that went away", async () => {
    const { ending, go } = startWaiting("cut");
    await expect.poll(() => fixtures.lab.results("cut").catch(() => []), PATIENCE).toHaveLength(1);
    fixtures.lab.proxy.setBlackhole(true);
    await go();
    const { exitCode, stderr } = await ending;
    fixtures.lab.proxy.setBlackhole(false);
    fixtures.lab.proxy.cut("rst");
    expect(exitCode).toBe(0);
    expect(stderr).toContain(`1 are in ${fixtures.lab.spoolDir}`);
    await expectSent("cut", 2);
  });
});

it.each([undefined, null, 0, "", [], {}, { parent: {} }])(
  "takes %j from Vitest and goes on",
  async (odd) => {
    const reporter = new TallyReporter({ token: "" });
    const hooks = Object.getOwnPropertyNames(TallyReporter.prototype).filter((name) =>
      /^on/.test(name),
    );
    expect(hooks).toHaveLength(9);
    for (const name of hooks) await Reflect.get(reporter, name).call(reporter, odd, odd, odd);
  },
);
