/** Figures of projects against a recount of the rows, right after each upload, whatever is folded by then. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { Status } from "../../../gen/tally/v1/run_pb.js";
import { TimeUnit } from "../../../gen/tally/v1/stats_service_pb.js";
import { startOfToday } from "../../support/start-of-today.js";
import { at, DAY_US, HOUR_US, type ResultInput, StatsLab, usOf } from "./lab.js";

const TODAY_US = await startOfToday();
const ROUNDS = 30;
const { PASSED, FAILED, ERRORED, SKIPPED, PRECLUDED } = Status;
const STATUSES = [PASSED, PASSED, PASSED, FAILED, ERRORED, SKIPPED, PRECLUDED];
const BRANCHES = ["", "main", "dev"];
const FROM_US = TODAY_US - 9 * DAY_US;

let lab: StatsLab;
beforeAll(async () => {
  lab = await StatsLab.start();
});
afterAll(() => lab[Symbol.asyncDispose]());

/** Of a generator that a seed starts: a failure can be run again. */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

interface Row {
  readonly run: string;
  readonly counted_us: string;
  readonly branch: string;
  readonly os: string;
  readonly state: number;
  readonly run_status: number | null;
  readonly took_us: string | null;
  /** Null of a run without results. */
  readonly status: number | null;
  readonly duration_us: string | null;
}

/** All living runs with each of their results. */
const readRows = () =>
  lab.db.query<Row>(`
    SELECT
      r.run_key AS run, (EXTRACT(epoch FROM LEAST(r.started_at, r.created_at)) * 1000000)::bigint AS counted_us,
      r.branch, r.labels ->> 'os' AS os, r.state, r.status AS run_status,
      (EXTRACT(epoch FROM r.finished_at - r.started_at) * 1000000)::bigint AS took_us, x.status, x.duration_us
    FROM runs AS r
    LEFT JOIN results AS x USING (project_key, run_key)
    WHERE r.deleted_at IS NULL`);

/** Figures of rows: results by status and their duration; runs, those by status, and their p50 and p95. */
function countRows(rows: readonly Row[]): number[] {
  const results = (status: number) => rows.filter((row) => row.status === status).length;
  const runs = [...new Map(rows.map((row) => [row.run, row])).values()];
  const ended = runs.filter(({ state }) => state === 2 || state === 3);
  const took = ended.map((run) => Math.max(0, Number(run.took_us)));
  took.sort((a, b) => a - b);
  const rank = (q: number) => took[Math.ceil((q * took.length) / 100) - 1] ?? -1;
  return [
    ...[1, 2, 3, 4, 5].map(results),
    rows.reduce((sum, row) => sum + Number(row.duration_us), 0),
    runs.length,
    ...[1, 2].map((state) => runs.filter((run) => run.state === state).length),
    ...[1, 2, 3, 4].map((status) => runs.filter((run) => run.run_status === status).length),
    rank(50),
    rank(95),
  ];
}

type Point = Awaited<ReturnType<StatsLab["stats"]["queryTimeSeries"]>>["points"][number];

/** The same of an answer. */
function figuresOf({
  results,
  runs,
  runDuration,
}: Pick<Point, "results" | "runs" | "runDuration">) {
  return [
    Number(results?.passedCount),
    Number(results?.failedCount),
    Number(results?.erroredCount),
    Number(results?.skippedCount),
    Number(results?.precludedCount),
    usOf(results?.duration),
    Number(runs?.runCount),
    Number(runs?.runningCount),
    Number(runs?.finishedCount),
    Number(runs?.passedCount),
    Number(runs?.failedCount),
    Number(runs?.erroredCount),
    Number(runs?.skippedCount),
    usOf(runDuration?.p50),
    usOf(runDuration?.p95),
  ];
}

async function expectExact(random: (below: number) => number): Promise<void> {
  const rows = await readRows();
  const startUs = FROM_US + random(48) * HOUR_US;
  const endUs = startUs + (1 + random(9 * 24)) * HOUR_US;
  const inWindow = (row: Row, from = startUs, to = endUs) =>
    Number(row.counted_us) >= from && Number(row.counted_us) < to;
  const window = { startTime: at(startUs), endTime: at(endUs) };
  for (const branch of BRANCHES) {
    const ofBranch = rows.filter((row) => branch === "" || row.branch === branch);
    const expected = ofBranch.filter((row) => inWindow(row));
    const answer = await lab.stats.getProjectStats({ ...window, branch });
    expect(figuresOf(answer), `of branch "${branch}"`).toEqual(countRows(expected));
    const labels = { os: ["linux", "mac"][random(2)] ?? "" };
    const labelled = await lab.stats.getProjectStats({ ...window, branch, labels });
    const withLabel = expected.filter((row) => row.os === labels.os);
    expect(figuresOf(labelled), `with ${labels.os}`).toEqual(countRows(withLabel));
    const unit = [TimeUnit.HOUR, TimeUnit.DAY, TimeUnit.WEEK][random(3)] ?? TimeUnit.DAY;
    const { points } = await lab.stats.queryTimeSeries({ ...window, branch, unit });
    const starts = [...points.map(({ startTime }) => usOf(startTime)), Number.POSITIVE_INFINITY];
    const length = (starts[1] ?? 0) - (starts[0] ?? 0);
    points.forEach((point, i) => {
      const from = starts[i] ?? 0;
      const to = points.length === 1 ? Math.max(endUs, from + HOUR_US) : from + length;
      if (points.length === 1 && unit !== TimeUnit.HOUR) return;
      const ofPoint = ofBranch.filter((row) => inWindow(row, from, to));
      expect(figuresOf(point), `of ${TimeUnit[unit]} ${i}, branch "${branch}"`).toEqual(
        countRows(ofPoint),
      );
    });
  }
}

it("equal it at every moment", async () => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  const random = randomOf(seed);
  const results = (): ResultInput[] =>
    Array.from({ length: random(30) }, () => ({
      name: `test ${random(40)}`,
      status: STATUSES[random(STATUSES.length)] ?? PASSED,
      us: random(5_000_000),
      attempt: 1 + random(2),
    }));
  // The id of a deleted run stays taken.
  const lives = new Map<number, number>();
  const act = async () => {
    const what = random(12);
    const run = random(12);
    const life = lives.get(run) ?? 0;
    const runId = `run ${run}, life ${life}`;
    if (what === 0) {
      lives.set(run, life + 1);
      await lab.ingest.deleteRun({ runId }).catch(() => undefined);
      await lab.settle();
    } else if (what === 1) await lab.settle();
    else {
      const ends = random(3) === 0;
      await lab.upload({
        runId: random(4) === 0 ? `run ${random(1_000)} of its own` : runId,
        startUs: FROM_US + random(9 * 24 * 60) * 60_000_000,
        // A run may get its branch, or an earlier start, later.
        branch: BRANCHES[random(3)] ?? "",
        labels: { os: ["linux", "mac"][random(2)] ?? "" },
        job: `job ${random(2)}`,
        results: results(),
        ...(ends
          ? { status: STATUSES[random(6)] ?? PASSED, tookUs: random(100_000) * 1_000_000 }
          : {}),
        startIsDerived: ends && random(2) === 0,
      });
    }
  };
  for (let round = 0; round < ROUNDS; round++) {
    try {
      await act();
      await expectExact(random);
    } catch (error) {
      throw new Error(`seed ${seed}, round ${round}`, { cause: error });
    }
  }
  await lab.settle();
  await expectExact(random);
}, 120_000);
