/** `tally spool list` and `tally spool send`. */
import { type Command, Option } from "commander";
import { RejectionReason } from "../../gen/tally/v1/rejection_pb.js";
import { type SpoolFileOutcome, sendSpool } from "../client/send-spool.js";
import { DEFAULT_SPOOL_DIR } from "../client/session-options.js";
import { listSpoolFiles, type SpoolEntry } from "../client/spool-folder.js";
import { readSpoolContents, type SpoolContents } from "../client/spool-reader.js";
import type { Act } from "./act.js";
import { patienceOption } from "./arguments.js";
import type { Context, Surroundings } from "./context.js";
import { describeError, type ExitCode, errorJson, exitCodeOf, exitCodes } from "./outcome.js";
import { table } from "./table.js";

/** Adds the commands. */
export function addSpoolCommands(program: Command, act: Act, env: Surroundings["env"]): void {
  const dirOption = () =>
    new Option("--dir <folder>", "the folder (TALLY_SPOOL_DIR)").default(
      env["TALLY_SPOOL_DIR"] || DEFAULT_SPOOL_DIR,
    );
  const spool = program.command("spool").description("results that could not be delivered");
  spool
    .command("list")
    .description("list the files that wait in the folder, oldest first")
    .addOption(dirOption())
    .action(act((context, _, { dir }: Pick<SpoolOptions, "dir">) => list(context, dir)));
  spool
    .command("send")
    .description("send them, each result once, and remove what is acknowledged")
    .addOption(dirOption())
    .option("--any", "also files for another address of the server, or another token")
    .addOption(patienceOption())
    .option("--soft", "warn and exit 0 instead of failing")
    .action(act((context, _, options: SpoolOptions) => send(context, options)));
}

interface SpoolOptions {
  readonly dir: string;
  readonly any?: boolean;
  readonly patience: number;
  readonly soft?: boolean;
}

async function list(context: Context, dir: string): Promise<ExitCode> {
  const files = await Promise.all((await listSpoolFiles(dir)).map(describeFile));
  context.printPlain({ files }, () =>
    files.length === 0 ? `nothing waits in ${dir}` : table(files.map(row)),
  );
  return exitCodes.ok;
}

type ListedFile = SpoolEntry & (SpoolContents | { readonly error: string });

async function describeFile(entry: SpoolEntry): Promise<ListedFile> {
  try {
    return { ...entry, ...(await readSpoolContents(entry.path)) };
  } catch (error) {
    return { ...entry, error: (error as Error).message };
  }
}

function row(file: ListedFile): Record<string, string> {
  const { state, bytes, path } = file;
  const rest = { STATE: state, BYTES: String(bytes), FILE: path };
  if ("error" in file) return { RUN: "", JOB: "", RESULTS: file.error, SERVER: "", ...rest };
  const { runId, job, resultCount, tornBytes, origin } = file;
  const torn = tornBytes === 0 ? "" : ` (${tornBytes} bytes torn)`;
  return { RUN: runId, JOB: job, RESULTS: `${resultCount}${torn}`, SERVER: origin, ...rest };
}

async function send(context: Context, options: SpoolOptions): Promise<ExitCode> {
  const { client, surroundings } = context;
  const interrupted = new AbortController();
  const stopListening = surroundings.onInterrupt(() => interrupted.abort());
  try {
    const { dir, any = false, patience } = options;
    const which = any ? "any" : "same";
    const files = await sendSpool({
      client,
      dir,
      which,
      patienceMs: patience * 1000,
      signal: interrupted.signal,
    });
    for (const file of files) warnOf(context, file);
    context.printPlain({ files: files.map(fileJson) }, () => summaryOf(files, dir));
    if (interrupted.signal.aborted) return exitCodes.interrupted;
    const code = files.reduce((worst: ExitCode, file) => codeOf(file) || worst, exitCodes.ok);
    if (code === exitCodes.ok || options.soft !== true) return code;
    context.warn("going on all the same, as --soft asks");
    return exitCodes.ok;
  } finally {
    stopListening();
  }
}

function codeOf({ outcome, error, conflictCount, rejectedCount }: SpoolFileOutcome): ExitCode {
  if (outcome === "kept") return exitCodeOf(error);
  const isRefused = outcome === "failed" || conflictCount + rejectedCount > 0;
  return isRefused ? exitCodes.refused : exitCodes.ok;
}

function warnOf(context: Context, file: SpoolFileOutcome): void {
  const { path, outcome, runId, tornBytes, error } = file;
  if (tornBytes > 0) {
    context.warn(`${path}: its last ${tornBytes} bytes were cut off, the results in them are lost`);
  }
  for (const item of file.rejections) {
    const why = item.fieldViolations.map((v) => `${v.field} ${v.description}`).join("; ");
    const reason = RejectionReason[item.reason]?.toLowerCase() ?? "refused";
    context.warn(`run ${runId}: refused (${reason}) ${why} [rejection ${item.rejectionId}]`);
  }
  if (outcome === "other") {
    context.warn(`${path} is for another server or token: send it with --any`);
  } else if (outcome === "in use") {
    context.warn(`${path} is being written or sent by another process`);
  } else if (outcome !== "sent") {
    const [first, ...fields] = describeError(error, context.client.origin);
    context.warn(`${path}: ${first}`, ...fields);
  }
}

function summaryOf(files: readonly SpoolFileOutcome[], dir: string): string {
  if (files.length === 0) return `nothing waits in ${dir}`;
  const sum = (count: (file: SpoolFileOutcome) => number) =>
    files.reduce((total, file) => total + count(file), 0);
  const sent = files.filter(({ outcome }) => outcome === "sent").length;
  const counts = [
    `${sum((file) => file.acceptedCount)} stored`,
    `${sum((file) => file.duplicateCount)} already known`,
    `${sum((file) => file.conflictCount)} in conflict`,
    `${sum((file) => file.rejectedCount)} refused`,
  ];
  return `${sent} of ${files.length} ${files.length === 1 ? "file" : "files"} sent; ${counts.join(", ")}`;
}

function fileJson({ rejections, error, ...file }: SpoolFileOutcome) {
  return {
    ...file,
    rejectionIds: rejections.map(({ rejectionId }) => rejectionId),
    ...(error === undefined ? {} : errorJson(error)),
  };
}
