/** `tally tests`: the tests of a project by what troubles people. */
import { type Command, Option } from "commander";
import { Status } from "../../gen/tally/v1/run_pb.js";
import { type TestSummary, Verdict } from "../../gen/tally/v1/stats_pb.js";
import { ListTestsResponseSchema, TestSort } from "../../gen/tally/v1/stats_service_pb.js";
import type { Act } from "./act.js";
import { countArgument, testSortArgument, windowArgument } from "./arguments.js";
import { type FigureTexts, figureTexts, testText, timeText } from "./figures.js";
import { exitCodes } from "./outcome.js";
import { addFormatOption, printRows, type Row, type RowFormat } from "./rows.js";

/** Adds the command. */
export function addTestCommands(program: Command, act: Act): void {
  addFormatOption(program.command("tests"))
    .description("tests with results in the window")
    .option("--window <days>", "the last 1, 7, 30 or 90 days", windowArgument, 30)
    .addOption(
      new Option(
        "--sort <figure>",
        "failures, failure-rate, flake-rate, p95, total-time or last-seen",
      )
        .argParser(testSortArgument)
        .default(TestSort.FAILURES, "failures"),
    )
    .option("--text <text>", "only tests whose suite, file, name or parameters contain it")
    .option("--limit <n>", "how many, up to 1000", countArgument, 50)
    .action(
      act(async (context, _, { window, sort, text = "", limit, format }: TestOptions) => {
        const { projectId } = context;
        const answer = await context.client.stats.listTests({
          projectId,
          windowDays: window,
          sort,
          text,
          pageSize: limit,
        });
        printRows(context, ListTestsResponseSchema, answer, {
          rows: answer.tests.map((test) => testRow(test, figureTexts(format))),
          columns: COLUMNS,
          format,
          head: `${answer.tests.length} of ${answer.testCount} tests, the last ${window} days`,
          none: "no test has results in this window",
        });
        return exitCodes.ok;
      }),
    );
}

interface TestOptions {
  readonly window: number;
  readonly sort: TestSort;
  readonly text?: string;
  readonly limit: number;
  readonly format: RowFormat;
}

function testRow(summary: TestSummary, texts: FigureTexts): Row {
  const { figures } = summary;
  const results = figures?.results;
  return {
    test_id: summary.testId,
    verdict: Verdict[summary.verdict] ?? "?",
    results: String(results?.resultCount ?? 0n),
    failed: String((results?.failedCount ?? 0n) + (results?.erroredCount ?? 0n)),
    failure_rate: texts.rate(figures?.failureRate),
    flake_rate: texts.rate(figures?.flakeRate),
    p95: texts.duration(figures?.duration?.p95),
    total_time: texts.duration(results?.duration),
    last_status: Status[summary.lastStatus] ?? "?",
    last_seen: timeText(summary.lastSeenTime),
    test: testText(summary.test),
  };
}

const COLUMNS = [
  ...["test_id", "verdict", "results", "failed", "failure_rate", "flake_rate"],
  ...["p95", "total_time", "last_status", "last_seen", "test"],
];
