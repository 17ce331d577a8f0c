import { afterAll, beforeAll, expect, it } from "vitest";
import { RunState, Status } from "../../gen/tally/v1/run_pb.js";
import { type ReporterLab, startReporterLab } from "./reporter-lab.js";

let lab: ReporterLab;
beforeAll(async () => {
  lab = await startReporterLab();
});
afterAll(() => lab[Symbol.asyncDispose]());

const report = (args: readonly string[], options: object = {}) =>
  lab.run({
    project: "plain",
    args: ["test/fixtures/projects/plain/report.js", ...args],
    ...options,
  });

it("reports a run with its part and labels, and says so in one line", async () => {
  const { exitCode, stderr } = await report(["tally-a", "300"], {
    runId: "whole",
    env: { TALLY_JOB: "unit", TALLY_BRANCH: "main" },
  });
  expect(exitCode).toBe(0);
  expect(stderr).toBe(`tally: 300 of 300 results are at ${new URL(lab.url).origin} as run whole\n`);
  const run = await lab.finishedRun("whole");
  expect(run).toMatchObject({
    state: RunState.FINISHED,
    status: Status.PASSED,
    source: { branch: "main" },
    labels: { kind: "plain" },
  });
  const { parts } = await lab.client.stats.getRun({ runId: "whole" });
  expect(parts).toMatchObject([
    { part: { job: "unit", producer: "tally-a" }, expectedResultCount: 300n },
  ]);
});

it("stays out of the way without a token, and says so once", async () => {
  const { exitCode, stdout, stderr } = await report(["tally-a", "3", "tally-b", "3"], {
    env: { TALLY_TOKEN: "" },
  });
  expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: "[null,null]\n" });
  expect(stderr).toBe("tally: there is no TALLY_TOKEN, so results are not reported\n");
});

it("says how many results are lost where the process ends before they could be sent", async () => {
  const { exitCode, stderr } = await report(["tally-a", "3"], { env: { EXIT: "4" } });
  expect(exitCode).toBe(4);
  expect(stderr).toBe("tally: 3 results are lost: the process ended before they could be sent\n");
});

it.each([
  [{ TALLY_URL: "nowhere" }, "nowhere"],
  [{ TALLY_PROTOCOL: "smoke" }, 'TALLY_PROTOCOL is "smoke": give grpc or connect'],
  [{ TALLY_CA_FILE: "/nowhere" }, "TALLY_CA_FILE cannot be read"],
])("with %j reports nothing, and says why", async (env, said) => {
  const { exitCode, stderr } = await report(["tally-a", "3"], { env });
  expect(exitCode).toBe(0);
  expect(stderr).toMatch(/^tally: results are not reported: .*\n$/);
  expect(stderr).toContain(said);
});

it("has one run for all that report at the same time outside of CI, and a new one each time", async () => {
  const runIds = async () =>
    JSON.parse((await report(["tally-a", "3", "tally-b", "2"])).stdout) as string[];
  const [first, second] = await runIds();
  expect(first).toMatch(/^local-.+-\d{8}T\d{6}-[0-9a-f]{6}$/);
  expect(second).toBe(first);
  expect(await runIds()).not.toContain(first);
});

it("loaded twice stores nothing twice", async () => {
  const { stderr } = await report(["tally-a", "300", "tally-a", "300"], { runId: "twice" });
  expect(stderr.match(/300 of 300 results/g)).toHaveLength(2);
  const run = await lab.finishedRun("twice");
  expect(run).toMatchObject({ state: RunState.FINISHED, totals: { resultCount: 300n } });
});

it("warns of another kind that reports the same job", async () => {
  await report(["tally-a", "3"], { runId: "kinds" });
  const { stderr } = await report(["tally-b", "3"], { runId: "kinds" });
  expect(stderr).toContain(
    "tally: this job is also reported by tally-a: what both report is counted twice\n",
  );
});

it("says what to do where a job has reported the same tests otherwise", async () => {
  await report(["tally-a", "2"], { runId: "again" });
  const { stderr } = await report(["tally-a", "3"], { runId: "again", env: { STATUS: "2" } });
  expect(stderr).toMatch(/; 2 of them refused, .* give each process that runs them a TALLY_JOB/);
});

it("keeps everything when the server is away, for one later command", async () => {
  lab.proxy.setBlackhole(true);
  const { exitCode, stderr, seconds } = await report(["tally-a", "300"], { runId: "away" });
  lab.proxy.setBlackhole(false);
  lab.proxy.cut("rst");
  expect(exitCode).toBe(0);
  expect(stderr).toContain(`300 are in ${lab.spoolDir}: send them with "tally spool send"`);
  expect(seconds).toBeLessThan(10);
  expect(await lab.sendSpool()).toMatchObject([{ outcome: "sent", acceptedCount: 300 }]);
  expect(await lab.finishedRun("away")).toMatchObject({ totals: { resultCount: 300n } });
});
