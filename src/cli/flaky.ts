/** `tally flaky`: the tests that failed and passed on the same code, with their evidence. */
import type { Command } from "commander";
import { type FlakyTest, Verdict } from "../../gen/tally/v1/stats_pb.js";
import { ListFlakyTestsResponseSchema } from "../../gen/tally/v1/stats_service_pb.js";
import type { Act } from "./act.js";
import { countArgument, verdictsArgument, windowArgument } from "./arguments.js";
import { figureTexts, intervalText, testText, timeText } from "./figures.js";
import { exitCodes } from "./outcome.js";
import { addFormatOption, printRows, type Row, type RowFormat } from "./rows.js";

/** Adds the command. */
export function addFlakyCommand(program: Command, act: Act): void {
  addFormatOption(program.command("flaky"))
    .description("tests that failed and passed on the same code in the window, the flakiest first")
    .option("--window <days>", "the last 1, 7, 30 or 90 days", windowArgument, 30)
    .option(
      "--verdicts <list>",
      "only these of flaky, recovered and broken, comma-separated; all by default",
      verdictsArgument,
    )
    .option("--limit <n>", "how many, up to 1000", countArgument, 50)
    .action(
      act(async (context, _, { window, verdicts = [], limit, format }: FlakyOptions) => {
        const answer = await context.client.stats.listFlakyTests({
          projectId: context.projectId,
          windowDays: window,
          verdicts: [...verdicts],
          pageSize: limit,
        });
        printRows(context, ListFlakyTestsResponseSchema, answer, {
          rows: answer.tests.map((test) => flakyRow(test, format)),
          columns: COLUMNS,
          format,
          none: "no test was flaky in this window",
        });
        return exitCodes.ok;
      }),
    );
}

interface FlakyOptions {
  readonly window: number;
  readonly verdicts?: readonly Verdict[];
  readonly limit: number;
  readonly format: RowFormat;
}

function flakyRow({ test, lastTime, evidence }: FlakyTest, format: RowFormat): Row {
  const rate = test?.figures?.flakeRate;
  const [newest] = evidence;
  return {
    test_id: test?.testId ?? "",
    verdict: Verdict[test?.verdict ?? Verdict.UNSPECIFIED] ?? "?",
    flaky_failures: String(rate?.numerator ?? 0n),
    of: String(rate?.denominator ?? 0n),
    flake_rate: format === "table" ? intervalText(rate) : figureTexts(format).rate(rate),
    last: timeText(lastTime),
    failed_in: newest?.failed?.runId ?? "",
    passed_in: newest?.passed?.runId ?? "",
    test: testText(test?.test),
  };
}

const COLUMNS = [
  ...["test_id", "verdict", "flaky_failures", "of", "flake_rate", "last"],
  ...["failed_in", "passed_in", "test"],
];
