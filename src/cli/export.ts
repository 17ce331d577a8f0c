/** `tally export`. */
import { randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { type Command, Option } from "commander";
import { type Run, RunState } from "../../gen/tally/v1/run_pb.js";
import { ResultView } from "../../gen/tally/v1/stats_service_pb.js";
import { createLosses, type Losses } from "../formats/losses.js";
import type { ReportFormat } from "../formats/report-item.js";
import type { PartResult } from "../formats/tries.js";
import { writeCtrf } from "../formats/write-ctrf.js";
import { writeJunit } from "../formats/write-junit.js";
import { limits } from "../limits.js";
import type { Act } from "./act.js";
import type { Context } from "./context.js";
import { type ExitCode, exitCodes, UsageError } from "./outcome.js";
import { writeText } from "./write-text.js";

/** Adds the command. */
export function addExportCommand(program: Command, act: Act): void {
  program
    .command("export <run-id>")
    .description(
      "write the results of a run as a report file, to standard output unless told where",
    )
    .addOption(
      new Option("--format <format>", "of the file").choices(["junit", "ctrf"]).default("junit"),
    )
    .option("--output <file>", "where to write it; it appears when it is whole")
    .addHelpText(
      "after",
      "\nWhat the format cannot hold is said on standard error, with how often.",
    )
    .action(
      act((context, [runId = ""], options: ExportOptions) => exportRun(context, runId, options)),
    );
}

interface ExportOptions {
  readonly format: ReportFormat;
  readonly output?: string;
}

async function exportRun(
  context: Context,
  runId: string,
  { format, output }: ExportOptions,
): Promise<ExitCode> {
  if (context.json && output === undefined) throw new UsageError("--json needs --output");
  const { projectId } = context;
  const { run } = await context.client.stats.getRun({ projectId, runId });
  if (run === undefined) throw new Error("the server answered no run");
  if (run.state !== RunState.FINISHED) context.warn(`the run is ${RunState[run.state]}`);
  const losses = createLosses();
  let resultCount = 0;
  async function* counted() {
    for await (const each of resultsOf(context, runId)) {
      resultCount++;
      yield each;
    }
  }
  const text = reportText(format, run, counted(), losses);
  if (output === undefined) {
    for await (const piece of text) await writeText(context.surroundings.stdout, piece);
  } else {
    await writeFile(output, text);
    const lost = Object.fromEntries(losses.entries());
    context.printPlain(
      { runId, format, output, resultCount, lost },
      () => `run ${runId}: ${resultCount} results written to ${output}`,
    );
  }
  for (const [kind, count] of losses.entries()) {
    context.warn(`${format} cannot hold: ${kind} (${count} ${count === 1 ? "result" : "results"})`);
  }
  return exitCodes.ok;
}

function reportText(
  format: ReportFormat,
  run: Run,
  results: AsyncIterable<PartResult>,
  losses: Losses,
): AsyncGenerator<string> {
  return format === "junit"
    ? writeJunit(run.runId, results, losses)
    : writeCtrf(run, results, losses);
}

/** All results of the run, test by test, a page in memory. */
async function* resultsOf(context: Context, runId: string): AsyncGenerator<PartResult> {
  const { client, projectId } = context;
  const request = { projectId, runId, view: ResultView.FULL, pageSize: limits.pageSizeMax };
  let pageToken = "";
  do {
    const page = await client.stats.listResults({ ...request, pageToken });
    for (const { result, part } of page.results) if (result !== undefined) yield { result, part };
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
}

/** Under another name until it is whole. */
async function writeFile(path: string, text: AsyncIterable<string>): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    await pipeline(text, createWriteStream(temporary, { flags: "wx" }));
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
