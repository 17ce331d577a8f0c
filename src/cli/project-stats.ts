/** `tally stats` and `tally stats series`: how a project's tests are doing. */
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { type Command, Option } from "commander";
import type { ResultCounts, RunCounts } from "../../gen/tally/v1/stats_pb.js";
import {
  type GetProjectStatsResponse,
  GetProjectStatsResponseSchema,
  QueryTimeSeriesResponseSchema,
  SeriesMetric,
  type SeriesPoint,
  TimeUnit,
} from "../../gen/tally/v1/stats_service_pb.js";
import type { Act } from "./act.js";
import { pairArgument, timeArgument, timeUnitArgument } from "./arguments.js";
import { type FigureTexts, figureTexts, intervalText, quantilesText, timeText } from "./figures.js";
import { exitCodes } from "./outcome.js";
import { addFormatOption, printRows, type Row, type RowFormat } from "./rows.js";

/** Adds `series`, and `project`, which `stats` alone means. */
export function addProjectStatsCommands(stats: Command, act: Act): void {
  addFormatOption(addWindowOptions(stats.command("project", { isDefault: true })))
    .description("runs and results by status, pass rates and durations; the default")
    .option("--label <key=value>", "only runs with this label (repeatable)", pairArgument)
    .action(
      act(async (context, _, { label = {}, format, ...window }: StatsOptions) => {
        const answer = await context.client.stats.getProjectStats({
          ...windowRequest(window),
          projectId: context.projectId,
          labels: label,
        });
        printRows(context, GetProjectStatsResponseSchema, answer, {
          rows: [
            runRow("runs", answer.runs),
            resultRow("results", answer.results, figureTexts(format)),
          ],
          columns: COUNT_COLUMNS,
          format,
          head: statsText(answer),
          none: "",
        });
        return exitCodes.ok;
      }),
    );
  addFormatOption(addWindowOptions(stats.command("series")))
    .description("the same by hour, day or week")
    .addOption(
      new Option("--unit <unit>", "hour, day or week")
        .argParser(timeUnitArgument)
        .default(TimeUnit.DAY, "day"),
    )
    .action(
      act(async (context, _, own: SeriesOptions) => {
        const answer = await context.client.stats.queryTimeSeries({
          ...windowRequest(own),
          projectId: context.projectId,
          unit: own.unit,
        });
        printRows(context, QueryTimeSeriesResponseSchema, answer, {
          rows: answer.points.map((point) => pointRow(point, figureTexts(own.format))),
          columns: POINT_COLUMNS,
          format: own.format,
          none: "no time has passed",
        });
        return exitCodes.ok;
      }),
    );
}

interface WindowOptions {
  readonly from?: Timestamp;
  readonly to?: Timestamp;
  readonly branch?: string;
}

interface StatsOptions extends WindowOptions {
  readonly label?: Record<string, string>;
  readonly format: RowFormat;
}

interface SeriesOptions extends WindowOptions {
  readonly unit: TimeUnit;
  readonly format: RowFormat;
}

function addWindowOptions(command: Command): Command {
  return command
    .option("--from <time>", "runs that started at or after this time", timeArgument)
    .option("--to <time>", "runs that started before this time; now by default", timeArgument)
    .option("--branch <name>", "only runs of this branch");
}

function windowRequest({ from, to, branch = "" }: WindowOptions) {
  return {
    branch,
    ...(from === undefined ? {} : { startTime: from }),
    ...(to === undefined ? {} : { endTime: to }),
  };
}

function statsText(answer: GetProjectStatsResponse): string {
  return [
    `${timeText(answer.startTime)} to ${timeText(answer.endTime)}`,
    `results passed: ${intervalText(answer.passRate)}, ${quantilesText(answer.resultDuration)}`,
    `runs passed: ${intervalText(answer.runPassRate)}, ${quantilesText(answer.runDuration)}`,
  ].join("\n");
}

function runRow(what: string, runs: RunCounts | undefined): Row {
  return {
    what,
    total: String(runs?.runCount ?? 0n),
    passed: String(runs?.passedCount ?? 0n),
    failed: String(runs?.failedCount ?? 0n),
    errored: String(runs?.erroredCount ?? 0n),
    skipped: String(runs?.skippedCount ?? 0n),
    precluded: "",
    running: String(runs?.runningCount ?? 0n),
    incomplete: String(runs?.incompleteCount ?? 0n),
    abandoned: String(runs?.abandonedCount ?? 0n),
    total_time: "",
  };
}

function resultRow(what: string, results: ResultCounts | undefined, texts: FigureTexts): Row {
  return {
    what,
    total: String(results?.resultCount ?? 0n),
    passed: String(results?.passedCount ?? 0n),
    failed: String(results?.failedCount ?? 0n),
    errored: String(results?.erroredCount ?? 0n),
    skipped: String(results?.skippedCount ?? 0n),
    precluded: String(results?.precludedCount ?? 0n),
    running: "",
    incomplete: "",
    abandoned: "",
    total_time: texts.duration(results?.duration),
  };
}

function pointRow({ runs, results, anomalies, ...point }: SeriesPoint, texts: FigureTexts): Row {
  return {
    start: timeText(point.startTime),
    runs: String(runs?.runCount ?? 0n),
    results: String(results?.resultCount ?? 0n),
    failed: String((results?.failedCount ?? 0n) + (results?.erroredCount ?? 0n)),
    pass_rate: texts.rate(point.passRate),
    run_p50: texts.duration(point.runDuration?.p50),
    result_p95: texts.duration(point.resultDuration?.p95),
    anomalies: anomalies.map((metric) => SeriesMetric[metric] ?? "?").join(" "),
  };
}

const COUNT_COLUMNS = [
  ...["what", "total", "passed", "failed", "errored", "skipped", "precluded"],
  ...["running", "incomplete", "abandoned", "total_time"],
];
const POINT_COLUMNS = [
  ...["start", "runs", "results", "failed", "pass_rate", "run_p50", "result_p95", "anomalies"],
];
