/** `tally upload`. */
import { type Command, Option } from "commander";
import type { TestResult } from "../../gen/tally/v1/run_pb.js";
import { type UploadSummary, uploadResults } from "../client/upload.js";
import type { ReportFormat } from "../formats/report-item.js";
import type { Act } from "./act.js";
import { countArgument, pairArgument, patienceOption, shardArgument } from "./arguments.js";
import type { Context } from "./context.js";
import { type ExitCode, exitCodes, UsageError } from "./outcome.js";
import {
  copyPipes,
  deriveRunId,
  type FileReport,
  findFiles,
  type ReportFile,
  readResults,
  standardInput,
} from "./report-files.js";
import { printUpload } from "./upload-output.js";
import { findTarget, type TargetOptions, type UploadTarget } from "./upload-target.js";

/** Adds the command. */
export function addUploadCommand(program: Command, act: Act): void {
  program
    .command("upload <files...>")
    .description("upload report files; all files of one call go to one run")
    .addOption(
      new Option("--format <format>", "of all files; default by name: .json is ctrf").choices([
        "junit",
        "ctrf",
      ]),
    )
    .option("--run-id <id>", "id of the run; outside of CI derived from the bytes of the files")
    .option("--job <name>", "job or matrix entry")
    .option("--attempt <n>", "which attempt of the job, from 1", countArgument)
    .option("--shard <i/n>", "which shard of the job", shardArgument)
    .option("--branch <name>", "branch that was tested")
    .option("--commit <sha>", "commit that was tested")
    .option("--framework <name>", "test framework")
    .option("--label <key=value>", "label of the run; repeatable", pairArgument)
    .option("--variant <key=value>", "what the tests ran on; repeatable", pairArgument)
    .addOption(patienceOption())
    .option("--soft", "warn and exit 0 instead of failing")
    .addHelpText(
      "after",
      "\nA file may be a glob, a folder, or - for standard input. Run, part and source are those of the CI build" +
        "\nor git checkout; TALLY_RUN_ID, TALLY_JOB, TALLY_SHARD=1/4 and other variables win, and options over them.",
    )
    .action(act((context, args, options: UploadCommandOptions) => upload(context, args, options)));
}

interface UploadCommandOptions extends TargetOptions {
  readonly format?: ReportFormat;
  readonly framework?: string;
  readonly label?: Record<string, string>;
  readonly variant?: Record<string, string>;
  readonly patience: number;
  readonly soft?: boolean;
}

async function upload(
  context: Context,
  args: readonly string[],
  options: UploadCommandOptions,
): Promise<ExitCode> {
  if (args.includes("-") && args.length > 1)
    throw new UsageError("standard input cannot be uploaded together with files");
  const named = args.includes("-")
    ? [standardInput(options.format)]
    : await findFiles(args, options.format);
  await using copied = await copyPipes(named, context.surroundings.stdin);
  return await uploadFiles(context, copied.files, options);
}

async function uploadFiles(
  context: Context,
  files: readonly ReportFile[],
  options: UploadCommandOptions,
): Promise<ExitCode> {
  const reports: FileReport[] = [];
  const results = readResults(files, options.variant ?? {}, reports);
  const first = await results.next();
  // Where every file is damaged from its beginning there is no run to speak of.
  const nothing = first.done === true && reports.some(({ problem }) => problem !== undefined);
  const target = await findTarget(context, options, () => deriveRunId(files));
  const summary = nothing
    ? undefined
    : await sendResults(context, target, prepend(first, results), options);
  const refused = printUpload(context, target, summary, reports);
  if (!refused) return exitCodes.ok;
  if (options.soft !== true) return exitCodes.refused;
  context.warn("going on all the same, as --soft asks");
  return exitCodes.ok;
}

async function sendResults(
  context: Context,
  { runId, source, ci, part }: UploadTarget,
  results: AsyncIterable<TestResult>,
  options: UploadCommandOptions,
): Promise<UploadSummary> {
  const { stderr } = context.surroundings;
  const progressLine = stderr.isTTY === true && !context.json;
  const summary = await uploadResults(
    context.client,
    {
      projectId: context.projectId,
      run: {
        runId,
        source,
        ci,
        framework: options.framework ?? "",
        labels: options.label ?? {},
      },
      part: { ...part, producer: "tally-cli" },
    },
    results,
    {
      patienceMs: options.patience * 1000,
      onProgress({ acknowledgedCount, sentCount }) {
        if (progressLine) stderr.write(`\r${acknowledgedCount} of ${sentCount} results stored`);
      },
    },
  );
  if (progressLine) stderr.write("\r\u001b[K");
  return summary;
}

async function* prepend<T>(first: IteratorResult<T>, rest: AsyncGenerator<T>): AsyncGenerator<T> {
  if (first.done === true) return;
  yield first.value;
  yield* rest;
}
