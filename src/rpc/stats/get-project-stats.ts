/** GetProjectStats: runs and results of a window, with pass rates and durations. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import type {
  GetProjectStatsRequest,
  GetProjectStatsResponseSchema,
  StatsService,
} from "../../../gen/tally/v1/stats_service_pb.js";
import { readLabelledRuns, readPartDurations } from "../../db/labelled-runs.js";
import { readPeriods } from "../../db/project-periods.js";
import type { Queryable } from "../../db/queryable.js";
import { callError, invalidArgument, type Violation } from "../../errors.js";
import { inSteps } from "../../heavy-steps.js";
import { checkName } from "../../ingest/rules.js";
import { limits } from "../../limits.js";
import { DurationSum } from "../../stats/duration-sum.js";
import { hoursAndDays, type Window } from "../../stats/periods.js";
import { fromDbError } from "../database-error.js";
import type { Handler } from "../handler.js";
import { timestamp } from "../run-message.js";
import { passRate, quantilesMessage, resultCounts, runCounts } from "./figures-message.js";
import { checkLabelFilter } from "./label-filter.js";
import { type PeriodSum, sumPeriods } from "./period-sums.js";
import type { StatsDeps } from "./stats-deps.js";
import { checkWindow, resolveWindow } from "./stats-window.js";

const WINDOW_RULES = { unit: "hour", defaultDays: 30, maxDays: limits.statsWindowDays } as const;

/** The handler of GetProjectStats. */
export function getProjectStats(
  deps: StatsDeps,
): Handler<typeof StatsService.method.getProjectStats> {
  return async (request, context) => {
    const { projectKey } = await deps.resolveProject(request.projectId, context);
    const violations: Violation[] = [];
    checkWindow(violations, request, WINDOW_RULES);
    checkName(violations, "branch", request.branch, limits.nameBytes);
    checkLabelFilter(violations, request.labels);
    if (violations.length > 0) throw invalidArgument(violations);
    const { deadlineAt } = context;
    try {
      const window = await resolveWindow(deps.db, request, WINDOW_RULES, deadlineAt);
      const hasLabels = Object.keys(request.labels).length > 0;
      const read = hasLabels ? readWithLabels : readAll;
      const { asOfUs, sum } = await read(deps.db, projectKey, request, window, deadlineAt);
      return statsMessage(window, asOfUs, sum);
    } catch (error) {
      throw fromDbError(error, deadlineAt);
    }
  };
}

interface Stats {
  readonly asOfUs: number;
  readonly sum: PeriodSum;
}

/** From the figures by hour and day. */
async function readAll(
  db: Queryable,
  projectKey: string,
  { branch }: GetProjectStatsRequest,
  window: Window,
  deadlineAt: number,
): Promise<Stats> {
  const query = { branch, ranges: hoursAndDays(window), runsBy: null, ...window };
  const { asOfUs, rows } = await readPeriods(db, projectKey, query, deadlineAt);
  const [sum] = await sumPeriods(rows, 1, () => 0);
  if (sum === undefined) throw new Error("there is one sum");
  return { asOfUs, sum };
}

/** Run by run. Durations follow the counts, as they do everywhere. */
async function readWithLabels(
  db: Queryable,
  projectKey: string,
  { branch, labels }: GetProjectStatsRequest,
  window: Window,
  deadlineAt: number,
): Promise<Stats> {
  const query = { branch, labels, ...window };
  const max = limits.labelledRuns;
  const found = await readLabelledRuns(db, projectKey, query, max, deadlineAt);
  if (found === null) {
    const message = `the window has more than ${max.toLocaleString("en-US")} runs, which is too many to look at for labels; narrow it, or name a branch`;
    throw callError(Code.FailedPrecondition, message, { reason: "TOO_MANY_RUNS" });
  }
  const { asOfUs, runKeys, runs, results } = found;
  const durations = new DurationSum();
  for (let from = 0; from < runKeys.length; from += RUNS_PER_READ) {
    const some = runKeys.slice(from, from + RUNS_PER_READ);
    const encoded = await readPartDurations(db, projectKey, some, deadlineAt);
    await inSteps(encoded, (bytes) => durations.add(bytes));
  }
  return { asOfUs, sum: { runs, results, durations } };
}

/** Some 1 MB of histograms. */
const RUNS_PER_READ = 2_000;

function statsMessage(
  window: Window,
  asOfUs: number,
  { runs, results, durations }: PeriodSum,
): MessageInitShape<typeof GetProjectStatsResponseSchema> {
  return {
    startTime: timestamp(window.startUs),
    endTime: timestamp(window.endUs),
    asOfTime: timestamp(asOfUs),
    runs: runCounts(runs),
    results: resultCounts(results),
    passRate: passRate(results),
    runPassRate: passRate(runs),
    runDuration: quantilesMessage(runs.durations),
    resultDuration: quantilesMessage(durations.ranks()),
  };
}
