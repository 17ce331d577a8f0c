/** QueryTimeSeries: runs and results by hour, day or week, with a point for each. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  SeriesMetric,
  type SeriesPointSchema,
  type StatsService,
  TimeUnit,
} from "../../../gen/tally/v1/stats_service_pb.js";
import { readPeriods } from "../../db/project-periods.js";
import type { DurationRanks } from "../../db/run-totals.js";
import { invalidArgument, type Violation } from "../../errors.js";
import { checkName } from "../../ingest/rules.js";
import { limits } from "../../limits.js";
import { ANOMALY_VERSION, markAnomalies } from "../../stats/anomalies.js";
import { periodStarts, roundDown } from "../../stats/periods.js";
import { fromDbError } from "../database-error.js";
import type { Handler } from "../handler.js";
import { timestamp } from "../run-message.js";
import { passRate, quantilesMessage, resultCounts, runCounts } from "./figures-message.js";
import { emptySum, isEmpty, type PeriodSum, sumPeriods } from "./period-sums.js";
import type { StatsDeps } from "./stats-deps.js";
import { checkWindow, resolveWindow, type WindowRules } from "./stats-window.js";

/** The handler of QueryTimeSeries. */
export function queryTimeSeries(
  deps: StatsDeps,
): Handler<typeof StatsService.method.queryTimeSeries> {
  return async (request, context) => {
    const { projectKey } = await deps.resolveProject(request.projectId, context);
    const violations: Violation[] = [];
    const rules = UNITS.get(request.unit);
    if (rules === undefined) {
      violations.push({ field: "unit", description: `${request.unit} is no unit` });
    } else checkWindow(violations, request, rules);
    checkName(violations, "branch", request.branch, limits.nameBytes);
    if (rules === undefined || violations.length > 0) throw invalidArgument(violations);
    const { deadlineAt } = context;
    try {
      const window = await resolveWindow(deps.db, request, rules, deadlineAt);
      const { unit } = rules;
      // Weeks are made of days.
      const ranges = [{ unit: unit === "hour" ? ("hour" as const) : ("day" as const), ...window }];
      const query = { branch: request.branch, ranges, runsBy: unit, ...window };
      const { asOfUs, rows } = await readPeriods(deps.db, projectKey, query, deadlineAt);
      const starts = periodStarts(unit, window);
      const places = new Map(starts.map((startUs, i) => [startUs, i]));
      const sums = await sumPeriods(
        rows,
        starts.length,
        ({ startUs }) => places.get(roundDown(unit, startUs)) ?? -1,
      );
      return {
        points: pointMessages(starts, sums),
        asOfTime: timestamp(asOfUs),
        anomalyVersion: ANOMALY_VERSION,
      };
    } catch (error) {
      throw fromDbError(error, deadlineAt);
    }
  };
}

const DAYS: WindowRules = { unit: "day", defaultDays: 30, maxDays: limits.seriesDays };
const UNITS: ReadonlyMap<TimeUnit, WindowRules> = new Map([
  [TimeUnit.UNSPECIFIED, DAYS],
  [TimeUnit.HOUR, { unit: "hour", defaultDays: 1, maxDays: limits.seriesHourDays }],
  [TimeUnit.DAY, DAYS],
  [TimeUnit.WEEK, { unit: "week", defaultDays: 30, maxDays: limits.statsWindowDays }],
]);

function pointMessages(
  starts: readonly number[],
  sums: readonly PeriodSum[],
): MessageInitShape<typeof SeriesPointSchema>[] {
  const points = sums.map(toPoint);
  const anomalies = METRICS.map(({ metric, of }) => ({
    metric,
    marks: markAnomalies(points.map((point) => (point.runs.count === 0 ? null : of(point)))),
  }));
  return points.map((point, i) => ({
    startTime: timestamp(starts[i] ?? 0),
    anomalies: anomalies.filter(({ marks }) => marks[i]).map(({ metric }) => metric),
    ...(isEmpty(point) ? NOTHING : figures(point)),
  }));
}

type Point = Omit<PeriodSum, "durations"> & { readonly resultDurations: DurationRanks };

function toPoint({ runs, results, durations }: PeriodSum): Point {
  return { runs, results, resultDurations: durations.ranks() };
}

function figures({ runs, results, resultDurations }: Point) {
  return {
    runs: runCounts(runs),
    results: resultCounts(results),
    passRate: passRate(results),
    runDuration: quantilesMessage(runs.durations),
    resultDuration: quantilesMessage(resultDurations),
  };
}

/** What most hours have. */
const NOTHING = figures(toPoint(emptySum()));

/** What can stand out; null where a point does not have it. */
const METRICS: readonly { metric: SeriesMetric; of: (point: Point) => number | null }[] = [
  {
    metric: SeriesMetric.PASS_RATE,
    of: ({ results: { passed, failed, errored } }) => {
      const judged = passed + failed + errored;
      return judged === 0 ? null : passed / judged;
    },
  },
  {
    metric: SeriesMetric.RESULT_COUNT,
    of: ({ results: { passed, failed, errored, skipped, precluded } }) =>
      passed + failed + errored + skipped + precluded,
  },
  {
    metric: SeriesMetric.RESULT_DURATION_P95,
    of: ({ resultDurations }) => resultDurations.p95,
  },
  { metric: SeriesMetric.RUN_DURATION_P50, of: ({ runs }) => runs.durations.p50 },
];
