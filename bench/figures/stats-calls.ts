/** The calls of StatsService that the bench times, with arguments of its data set. */
import { Status } from "../../gen/tally/v1/run_pb.js";
import { TestSort, TimeUnit } from "../../gen/tally/v1/stats_service_pb.js";
import type { TallyClient } from "../../src/client/index.js";
import type { Dataset } from "../dataset/plan.js";
import type { Random } from "../random.js";

/** One kind of call, with arguments of the data set. */
export interface StatsCall {
  readonly figure: "stats.run" | "stats.test" | "stats.lists" | "stats.compare";
  readonly name: string;
  make(
    client: TallyClient,
    dataset: Dataset,
    random: Random,
    testIds: readonly string[],
  ): Promise<unknown>;
}

/** Every kind. */
export const statsCalls: readonly StatsCall[] = [
  {
    figure: "stats.run",
    name: "GetRun",
    make: ({ stats }, { runs }, random) => stats.getRun({ runId: anyOf(random, runs).runId }),
  },
  {
    figure: "stats.run",
    name: "ListResults of a run, failed",
    make: ({ stats }, { runs }, random) =>
      stats.listResults({
        runId: anyOf(random, runs).runId,
        statuses: [Status.FAILED, Status.ERRORED],
      }),
  },
  {
    figure: "stats.run",
    name: "ListResults of a run, by text",
    make: ({ stats }, { runs }, random) =>
      stats.listResults({
        runId: anyOf(random, runs).runId,
        text: `of ${Math.floor(random() * 400)}`,
      }),
  },
  {
    figure: "stats.run",
    name: "ListFailureGroups of a run",
    make: ({ stats }, { runs }, random) =>
      stats.listFailureGroups({ runId: anyOf(random, runs).runId }),
  },
  {
    figure: "stats.test",
    name: "GetTestHistory",
    make: ({ stats }, _, random, testIds) =>
      stats.getTestHistory({ testId: anyOf(random, testIds), windowDays: anyOf(random, WINDOWS) }),
  },
  {
    figure: "stats.test",
    name: "ListResults of a test",
    make: ({ stats }, _, random, testIds) => stats.listResults({ testId: anyOf(random, testIds) }),
  },
  {
    figure: "stats.lists",
    name: "GetProjectStats",
    make: ({ stats }, _, random) =>
      stats.getProjectStats({
        startTime: daysAgo(anyOf(random, WINDOWS)),
        branch: anyOf(random, ["", "main"]),
      }),
  },
  {
    figure: "stats.lists",
    name: "GetProjectStats by label",
    make: ({ stats }, _, random) =>
      stats.getProjectStats({
        startTime: daysAgo(anyOf(random, WINDOWS)),
        labels: { trigger: "nightly" },
      }),
  },
  {
    figure: "stats.lists",
    name: "QueryTimeSeries",
    make: ({ stats }, _, random) => {
      const unit = anyOf(random, [TimeUnit.HOUR, TimeUnit.DAY, TimeUnit.WEEK]);
      const days = unit === TimeUnit.HOUR ? anyOf(random, [1, 7, 30]) : anyOf(random, [30, 90]);
      return stats.queryTimeSeries({ unit, startTime: daysAgo(days) });
    },
  },
  {
    figure: "stats.lists",
    name: "ListRuns",
    make: ({ stats }, _, random) =>
      stats.listRuns({
        branch: anyOf(random, ["", "main"]),
        status: anyOf(random, [Status.UNSPECIFIED, Status.FAILED]),
      }),
  },
  {
    figure: "stats.lists",
    name: "ListTests",
    make: ({ stats }, _, random) =>
      stats.listTests({ windowDays: anyOf(random, WINDOWS), sort: anyOf(random, SORTS) }),
  },
  {
    figure: "stats.lists",
    name: "ListFlakyTests",
    make: ({ stats }, _, random) => stats.listFlakyTests({ windowDays: anyOf(random, WINDOWS) }),
  },
  {
    figure: "stats.lists",
    name: "ListFailureGroups",
    make: ({ stats }, _, random) => stats.listFailureGroups({ windowDays: anyOf(random, WINDOWS) }),
  },
  {
    figure: "stats.compare",
    name: "CompareRuns",
    make: ({ stats }, { runs, options }, random) => {
      const full = runs.filter(({ range }) => range.count === options.tests);
      const [base, head] = [anyOf(random, full), anyOf(random, full)];
      return stats.compareRuns({ baseRunId: base.runId, headRunId: head.runId });
    },
  },
];

const WINDOWS = [1, 7, 30, 90];
const SORTS = [
  TestSort.FAILURES,
  TestSort.FAILURE_RATE,
  TestSort.FLAKE_RATE,
  TestSort.P95_DURATION,
  TestSort.TOTAL_TIME,
  TestSort.LAST_SEEN,
];

const anyOf = <T>(random: Random, items: readonly T[]): T => {
  const item = items[Math.floor(random() * items.length)];
  if (item === undefined) throw new Error("nothing to choose from");
  return item;
};

const daysAgo = (days: number) => ({
  seconds: BigInt(Math.floor(Date.now() / 1000) - days * 86_400),
  nanos: 0,
});
