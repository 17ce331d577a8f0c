/** `tally run record`, `tally runs list` and `tally runs show`. */
import { type Duration, type Timestamp, timestampDate } from "@bufbuild/protobuf/wkt";
import type { Command } from "commander";
import { IngestRunResponseSchema } from "../../gen/tally/v1/ingest_service_pb.js";
import { type PartSummary, type Run, RunState, Status } from "../../gen/tally/v1/run_pb.js";
import {
  GetRunResponseSchema,
  ListRunsResponseSchema,
} from "../../gen/tally/v1/stats_service_pb.js";
import type { Act } from "./act.js";
import { countArgument, durationArgument, statusArgument, timeArgument } from "./arguments.js";
import { exitCodes } from "./outcome.js";
import { addFormatOption, printRows, type Row, type RowFormat } from "./rows.js";
import { table } from "./table.js";

/** Adds the commands. */
export function addRunCommands(program: Command, act: Act): void {
  const run = program.command("run").description("one run");
  run
    .command("record")
    .description("record a run by its outcome alone, without results")
    .requiredOption("--run-id <id>", "id of the run; the same id again is the same run")
    .requiredOption("--status <status>", "passed, failed, errored or skipped", statusArgument)
    .requiredOption("--duration-ms <n>", "how long it took", durationArgument)
    .option("--at <time>", "when it ended; now by default", timeArgument)
    .option("--soft", "warn and exit 0 instead of failing")
    .action(
      act(async (context, _, { runId, status, durationMs, at }: RecordOptions) => {
        const answer = await context.client.ingest.ingestRun({
          projectId: context.projectId,
          run: {
            runId,
            status,
            duration: durationMs,
            ...(at === undefined ? {} : { finishTime: at }),
          },
        });
        context.print(IngestRunResponseSchema, answer, () =>
          answer.runDuplicate ? `run ${runId} was recorded before` : `recorded run ${runId}`,
        );
        if (answer.runConflict.length > 0) {
          context.warn(
            `not stored, as the run has other values or no room: ${answer.runConflict.join(", ")}`,
          );
        }
        return exitCodes.ok;
      }),
    );

  const runs = program.command("runs").description("runs of a project");
  addFormatOption(runs.command("list"))
    .description("list runs, newest first")
    .option("--branch <name>", "only of this branch")
    .option("--limit <n>", "how many, up to 1000", countArgument, 50)
    .action(
      act(async (context, _, { branch = "", limit, format }: ListOptions) => {
        const { projectId } = context;
        const answer = await context.client.stats.listRuns({ projectId, branch, pageSize: limit });
        printRows(context, ListRunsResponseSchema, answer, {
          rows: answer.runs.map(runRow),
          columns: COLUMNS,
          format,
          none: "no such run is stored",
        });
        return exitCodes.ok;
      }),
    );
  runs
    .command("show <run-id>")
    .description("show a run with its parts")
    .action(
      act(async (context, [runId = ""]) => {
        const answer = await context.client.stats.getRun({ projectId: context.projectId, runId });
        if (answer.partsTruncated)
          context.warn(`only the first ${answer.parts.length} parts are listed`);
        context.print(GetRunResponseSchema, answer, () =>
          [
            table(answer.run === undefined ? [] : [runRow(answer.run)]),
            table(answer.parts.map(partRow)),
          ].join("\n\n"),
        );
        return exitCodes.ok;
      }),
    );
}

interface ListOptions {
  readonly branch?: string;
  readonly limit: number;
  readonly format: RowFormat;
}

interface RecordOptions {
  readonly runId: string;
  readonly status: Status;
  readonly durationMs: Duration;
  readonly at?: Timestamp;
}

function runRow({ runId, state, status, totals, source, createTime }: Run): Row {
  return {
    run_id: runId,
    state: RunState[state] ?? "?",
    status: Status[status] ?? "?",
    results: String(totals?.resultCount ?? 0n),
    failed: String((totals?.failedCount ?? 0n) + (totals?.erroredCount ?? 0n)),
    skipped: String(totals?.skippedCount ?? 0n),
    rejected: String(totals?.rejectedCount ?? 0n),
    branch: source?.branch ?? "",
    created: createTime === undefined ? "" : timestampDate(createTime).toISOString(),
  };
}

function partRow({ part, status, finishTime, ...counts }: PartSummary): Row {
  return {
    job: part?.job || "-",
    attempt: String(part?.attempt ?? 1),
    shard: part?.shardTotal ? `${part.shardIndex}/${part.shardTotal}` : "-",
    producer: part?.producer || "-",
    status: Status[status] ?? "?",
    finished: finishTime === undefined ? "no" : timestampDate(finishTime).toISOString(),
    stored: String(counts.storedCount),
    rejected: String(counts.rejectedCount),
    missing: String(counts.missingCount),
  };
}

const COLUMNS = [
  ...["run_id", "state", "status", "results", "failed"],
  ...["skipped", "rejected", "branch", "created"],
];
