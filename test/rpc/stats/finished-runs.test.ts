/** Lists read runs that have finished without their parts: what they show is what their parts say all the same. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { RunState, Status } from "../../../gen/tally/v1/run_pb.js";
import { StatsLab } from "./lab.js";

let lab: StatsLab;
beforeAll(async () => {
  lab = await StatsLab.start();
});
afterAll(() => lab[Symbol.asyncDispose]());

const passed = (name: string, resultId = "") => ({
  resultId,
  test: { name },
  status: Status.PASSED,
  duration: { seconds: 1n },
});
const failed = (name: string, resultId = "") => ({
  ...passed(name, resultId),
  status: Status.FAILED,
});

/** Two jobs with results of every kind, repeats, conflicts, refusals of which one is dismissed, and one that came late. */
async function sendMuch(runId: string): Promise<void> {
  const { ingest, server } = lab;
  const run = { runId, source: { branch: "main" }, labels: { os: "linux" } };
  for (const job of ["a", "b"]) {
    await ingest.ingestRun({
      run: { ...run, status: Status.FAILED },
      part: { job },
      results: [
        passed("shared", "one"),
        failed(`of ${job}`),
        { ...passed(`skipped in ${job}`), status: Status.SKIPPED },
        { ...failed(`errored in ${job}`), status: Status.ERRORED },
        { ...passed(`precluded in ${job}`), status: Status.PRECLUDED },
        failed(""),
        failed("", `dismissed in ${job}`),
      ],
    });
  }
  await ingest.ingestRun({ run, part: { job: "a" }, results: [failed("shared", "one")] });
  await ingest.ingestRun({ run, part: { job: "b" }, results: [passed("late")] });
  const { rejections } = server.client(server.allToken);
  const kept = await rejections.listRejections({ filter: { runId } });
  await rejections.dismissRejections({
    rejectionIds: kept.rejections
      .filter(({ resultId }) => resultId.startsWith("dismissed"))
      .map(({ rejectionId }) => rejectionId),
  });
}

it("shows runs of every state as GetRun does, before and after they are folded", async () => {
  const { ingest, stats } = lab;
  {
    await using _held = await lab.holdFolding();
    await sendMuch("much");
    await ingest.ingestRun({ run: { runId: "goes on" }, results: [failed("a")] });
    await ingest.ingestRun({
      run: { runId: "incomplete", status: Status.PASSED },
      results: [passed("a")],
      expectedResultCount: 2n,
    });
    await ingest.ingestRun({ run: { runId: "empty", status: Status.SKIPPED } });
    await expectSame();
  }
  await lab.settle();
  await expectSame();
  await sendMuch("much again");
  await expectSame();

  async function expectSame() {
    const { runs } = await stats.listRuns({});
    const read = await Promise.all(runs.map(({ runId }) => stats.getRun({ runId })));
    expect(runs).toEqual(read.map(({ run }) => run));
    const much = runs.find(({ runId }) => runId === "much");
    expect(much).toMatchObject({
      state: RunState.FINISHED,
      status: Status.FAILED,
      totals: {
        resultCount: 10n,
        passedCount: 2n,
        failedCount: 2n,
        erroredCount: 2n,
        skippedCount: 2n,
        precludedCount: 2n,
        lateCount: 1n,
        duplicateCount: 1n,
        conflictCount: 1n,
        rejectedCount: 5n,
        rejectedFailureCount: 3n,
      },
    });
    expect(runs.map(({ state }) => state)).toContain(RunState.RUNNING);
    expect(runs.map(({ state }) => state)).toContain(RunState.INCOMPLETE);
  }
});
