/** `tally summary`: a run in a few lines, for the page of a build. */
import { readFile } from "node:fs/promises";
import { toJson } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { type Command, Option } from "commander";
import { RunSchema, TestSchema } from "../../gen/tally/v1/run_pb.js";
import { gatherCiFacts } from "../client/ci/gather.js";
import type { Act } from "./act.js";
import { countArgument } from "./arguments.js";
import type { Context } from "./context.js";
import { type ExitCode, exitCodes, UsageError } from "./outcome.js";
import { gatherSummary, type ListedTest, type RunSummary } from "./run-summary.js";
import { type SummaryFormat, summaryText, uploadText } from "./summary-text.js";
import { parseUpload } from "./upload-answer.js";

/** Adds the command. */
export function addSummaryCommand(program: Command, act: Act): void {
  program
    .command("summary [run-id]")
    .description(
      "what failed newly in a run, what is flaky in it; by default in the run of this build",
    )
    .option("--base <branch>", "compare with the last finished run of this branch before")
    .option("--limit <n>", "tests of each kind", countArgument, 50)
    .addOption(
      new Option("--format <format>", "how it is printed")
        .choices(["text", "markdown"])
        .default("text"),
    )
    .option("--upload <file>", "what `tally upload --json` printed")
    .option("--soft", "warn and exit 0 instead of failing")
    .addHelpText(
      "after",
      "\nBy default the base is the branch that the change goes to, or the run's own. With --upload, the run is that of" +
        "\nthe upload, whose counts are told where the token lacks the scope READ.",
    )
    .action(
      act((context, [runId], options: SummaryOptions) => printSummary(context, runId, options)),
    );
}

interface SummaryOptions {
  readonly base?: string;
  readonly limit: number;
  readonly format: SummaryFormat;
  readonly upload?: string;
}

async function printSummary(
  context: Context,
  givenRunId: string | undefined,
  { base = "", limit, format, upload }: SummaryOptions,
): Promise<ExitCode> {
  const answer = upload === undefined ? undefined : parseUpload(await readText(upload));
  if (answer !== undefined && answer.error !== "") {
    context.printPlain({ upload: answer }, () => uploadText(answer, format));
    return exitCodes.ok;
  }
  const runId = givenRunId || answer?.runId || (await runOfBuild(context));
  try {
    const summary = await gatherSummary(context, runId, base);
    context.printPlain(summaryJson(summary), () => summaryText(summary, limit, format));
  } catch (error) {
    if (answer === undefined || !isForbidden(error)) throw error;
    context.printPlain({ upload: answer }, () => uploadText(answer, format));
  }
  return exitCodes.ok;
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new UsageError(`--upload cannot be read: ${(error as Error).message}`);
  }
}

async function runOfBuild({ surroundings }: Context): Promise<string> {
  const { runId } = await gatherCiFacts(surroundings.env, process.cwd());
  if (runId === "") throw new UsageError("give the id of a run: this is no build");
  return runId;
}

function isForbidden(error: unknown): boolean {
  return error instanceof ConnectError && error.code === Code.PermissionDenied;
}

function summaryJson({ run, base, newFailures, otherFailures, flaky }: RunSummary) {
  return {
    run: toJson(RunSchema, run),
    ...(base === undefined ? {} : { base: toJson(RunSchema, base) }),
    newFailureCount: Number(newFailures.count),
    newFailures: newFailures.tests.map(testJson),
    otherFailureCount: Number(otherFailures.count),
    otherFailures: otherFailures.tests.map(testJson),
    flakyCount: Number(flaky.count),
    flaky: flaky.tests.map(testJson),
  };
}

function testJson({ testId, test, message }: ListedTest) {
  return { testId, ...(test === undefined ? {} : { test: toJson(TestSchema, test) }), message };
}
