/** `tally compare BASE HEAD`: what a change did to the tests; a gate for CI. */
import type { Command } from "commander";
import { Status } from "../../gen/tally/v1/run_pb.js";
import type { TestChange, TestChanges } from "../../gen/tally/v1/stats_pb.js";
import {
  type CompareRunsResponse,
  CompareRunsResponseSchema,
} from "../../gen/tally/v1/stats_service_pb.js";
import type { Act } from "./act.js";
import { countArgument } from "./arguments.js";
import { figureTexts, testText } from "./figures.js";
import { exitCodes } from "./outcome.js";
import { addFormatOption, printRows, type Row, type RowFormat } from "./rows.js";

/** Adds the command. */
export function addCompareCommand(program: Command, act: Act): void {
  addFormatOption(program.command("compare <base-run-id> <head-run-id>"))
    .description(
      "what changed from one run to another; exit code 1 if a test fails newly, or a failure was refused",
    )
    .option("--limit <n>", "tests of each kind, up to 1000", countArgument, 100)
    .action(
      act(async (context, [baseRunId = "", headRunId = ""], { limit, format }: CompareOptions) => {
        const { projectId } = context;
        const answer = await context.client.stats.compareRuns({
          projectId,
          baseRunId,
          headRunId,
          listSize: limit,
        });
        const newFailures = (answer.newlyFailing?.count ?? 0n) + answer.addedFailingCount;
        printRows(context, CompareRunsResponseSchema, answer, {
          rows: changeRows(answer, format),
          columns: COLUMNS,
          format,
          head: `${headText(answer)}\nnew failures: ${newFailures}`,
          none: "no test changed",
        });
        // What is not stored is in no list, and it is not known whether it is new.
        const refused = answer.head?.totals?.rejectedFailureCount ?? 0n;
        if (refused > 0n) {
          context.warn(
            `refused results of the head run that failed: ${refused}`,
            "see them by: tally rejections list",
          );
        }
        return newFailures + refused > 0n ? exitCodes.refused : exitCodes.ok;
      }),
    );
}

interface CompareOptions {
  readonly limit: number;
  readonly format: RowFormat;
}

function headText(answer: CompareRunsResponse): string {
  const counts = KINDS.map(([name, of]) => `${of(answer)?.count ?? 0n} ${name}`);
  return `${answer.base?.runId} to ${answer.head?.runId}: ${counts.join(", ")}`;
}

function changeRows(answer: CompareRunsResponse, format: RowFormat): Row[] {
  return KINDS.flatMap(([name, of]) =>
    (of(answer)?.changes ?? []).map((change) => changeRow(name, change, format)),
  );
}

function changeRow(kind: string, change: TestChange, format: RowFormat): Row {
  const texts = figureTexts(format);
  const none = format === "csv" ? "" : "-";
  const statusText = (status: Status) =>
    status === Status.UNSPECIFIED ? none : (Status[status] ?? "?");
  return {
    change: kind,
    base: statusText(change.baseStatus),
    head: statusText(change.headStatus),
    base_duration: texts.duration(change.baseDuration),
    head_duration: texts.duration(change.headDuration),
    test: testText(change.test),
    message: change.failureMessage.split("\n", 1)[0] ?? "",
  };
}

const COLUMNS = ["change", "base", "head", "base_duration", "head_duration", "test", "message"];

/** What people look at first comes first. */
const KINDS: readonly (readonly [
  string,
  (answer: CompareRunsResponse) => TestChanges | undefined,
])[] = [
  ["newly failing", ({ newlyFailing }) => newlyFailing],
  ["still failing", ({ stillFailing }) => stillFailing],
  ["fixed", ({ fixed }) => fixed],
  ["slower", ({ slower }) => slower],
  ["missing", ({ missing }) => missing],
  ["added", ({ added }) => added],
];
