/** `tally events send`. */
import { createReadStream } from "node:fs";
import { extname } from "node:path";
import { type Command, Option } from "commander";
import { EventMode } from "../../gen/tally/v1/event_pb.js";
import { type EventFormat, readEvents } from "../formats/event-documents.js";
import type { EventItem } from "../formats/event-item.js";
import type { Act } from "./act.js";
import { patienceOption } from "./arguments.js";
import type { Context } from "./context.js";
import { createFileProblems, type FileProblems, printSent } from "./events-send-output.js";
import { type ExitCode, exitCodes, UsageError } from "./outcome.js";
import { type EventToSend, sendEvents } from "./send-events.js";

/** Adds the command to `tally events`. */
export function addSendCommand(events: Command, act: Act): void {
  events
    .command("send <file>")
    .description("send the events of a file; sent again, they are counted once")
    .addOption(
      new Option("--format <format>", "default by name: .ndjson and .jsonl are ndjson").choices([
        "json",
        "ndjson",
      ]),
    )
    .option("--queue", "store now, process soon")
    .option("--idempotency-key <key>", "names the event, of a file with one")
    .option("--soft", "warn and exit 0 instead of failing")
    .addOption(patienceOption())
    .addHelpText(
      "after",
      "\njson is one event or an array of events, ndjson one event a line. - is standard input.",
    )
    .action(act((context, [file = ""], options: SendOptions) => send(context, file, options)));
}

interface SendOptions {
  readonly format?: EventFormat;
  readonly queue?: boolean;
  readonly idempotencyKey?: string;
  readonly soft?: boolean;
  readonly patience: number;
}

async function send(context: Context, file: string, options: SendOptions): Promise<ExitCode> {
  const { surroundings } = context;
  const format = options.format ?? (LINE_NAMES.has(extname(file)) ? "ndjson" : "json");
  const problems = createFileProblems(file === "-" ? "standard input" : file);
  const input = file === "-" ? surroundings.stdin : createReadStream(file);
  const interrupted = new AbortController();
  const stopListening = surroundings.onInterrupt(() => {
    interrupted.abort();
    input.destroy();
  });
  try {
    const found = readEvents(format, input);
    const items = options.idempotencyKey ? onlyOne(found) : found;
    const events = eventsOf(items, problems, interrupted.signal);
    const summary = await sendAll(context, events, options, interrupted.signal);
    const refused = printSent(context, summary, problems);
    if (interrupted.signal.aborted) {
      context.warn("interrupted: the rest of the file was not sent");
      return exitCodes.interrupted;
    }
    if (!refused) return exitCodes.ok;
    if (options.soft !== true) return exitCodes.refused;
    context.warn("going on all the same, as --soft asks");
    return exitCodes.ok;
  } finally {
    stopListening();
  }
}

async function sendAll(
  context: Context,
  events: AsyncGenerator<EventToSend>,
  { queue = false, idempotencyKey = "", patience }: SendOptions,
  signal: AbortSignal,
) {
  const { stderr } = context.surroundings;
  const progressLine = stderr.isTTY === true && !context.json;
  const mode = queue ? EventMode.QUEUE : EventMode.WAIT;
  const target = { projectId: context.projectId, mode, idempotencyKey };
  let acknowledged = 0;
  try {
    return await sendEvents(context.client, target, events, {
      signal,
      patienceMs: patience * 1000,
      onProgress({ sentCount, acknowledgedCount }) {
        acknowledged = acknowledgedCount;
        if (progressLine) stderr.write(`\r${acknowledgedCount} of ${sentCount} events answered`);
      },
    });
  } catch (error) {
    if (acknowledged > 0) {
      context.warn(`${acknowledged} events were answered: send the file again, they count once`);
    }
    throw error;
  } finally {
    if (progressLine) stderr.write("\r\u001b[K");
  }
}

/** The events; what cannot be sent or read is a problem, and nothing follows an interruption. */
async function* eventsOf(
  items: AsyncIterable<EventItem>,
  problems: FileProblems,
  interrupted: AbortSignal,
): AsyncGenerator<EventToSend> {
  try {
    for await (const item of items) {
      if (item.kind === "event") yield item;
      else problems.add(item.line, item.message);
    }
  } catch (error) {
    if (interrupted.aborted) return;
    if (!(error instanceof Error && "code" in error)) throw error;
    problems.add(0, error.message);
  }
}

/** The items once it is clear that there is one event at most. */
async function* onlyOne(items: AsyncIterable<EventItem>): AsyncGenerator<EventItem> {
  const seen: EventItem[] = [];
  for await (const item of items) {
    if (item.kind === "event" && seen.some(({ kind }) => kind === "event")) {
      throw new UsageError("--idempotency-key names one event, and the file has several");
    }
    seen.push(item);
  }
  yield* seen;
}

const LINE_NAMES: ReadonlySet<string> = new Set([".ndjson", ".jsonl"]);
