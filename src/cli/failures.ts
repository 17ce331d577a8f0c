/** `tally failures`: what failed alike, in a window or a run. */
import type { Command } from "commander";
import type { FailureGroup } from "../../gen/tally/v1/stats_pb.js";
import { ListFailureGroupsResponseSchema } from "../../gen/tally/v1/stats_service_pb.js";
import type { Act } from "./act.js";
import { countArgument, windowArgument } from "./arguments.js";
import { timeText } from "./figures.js";
import { exitCodes } from "./outcome.js";
import { addFormatOption, printRows, type Row, type RowFormat } from "./rows.js";

/** Adds the command. */
export function addFailuresCommand(program: Command, act: Act): void {
  addFormatOption(program.command("failures"))
    .description("failures with the same message but for its numbers, paths and the like")
    .option("--window <days>", "the last 1, 7, 30 or 90 days; 30 by default", windowArgument)
    .option("--run <id>", "only of this run, whenever it was")
    .option("--limit <n>", "how many groups, up to 1000", countArgument, 50)
    .action(
      act(async (context, _, { window = 0, run = "", limit, format }: FailureOptions) => {
        const answer = await context.client.stats.listFailureGroups({
          projectId: context.projectId,
          windowDays: window,
          runId: run,
          pageSize: limit,
        });
        printRows(context, ListFailureGroupsResponseSchema, answer, {
          rows: answer.groups.map(groupRow),
          columns: COLUMNS,
          format,
          none: "nothing failed",
        });
        return exitCodes.ok;
      }),
    );
}

interface FailureOptions {
  readonly window?: number;
  readonly run?: string;
  readonly limit: number;
  readonly format: RowFormat;
}

function groupRow(group: FailureGroup): Row {
  return {
    fingerprint: group.fingerprint,
    failures: String(group.failureCount),
    tests: String(group.testCount),
    runs: String(group.runCount),
    outages: String(group.probableOutageRunIds.length),
    first_run: group.first?.result?.runId ?? "",
    last_run: group.last?.result?.runId ?? "",
    last: timeText(group.last?.result?.runStartTime),
    type: group.type || group.kind,
    message: group.maskedMessage,
  };
}

const COLUMNS = [
  ...["fingerprint", "failures", "tests", "runs", "outages"],
  ...["first_run", "last_run", "last", "type", "message"],
];
