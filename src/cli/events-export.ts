/** `tally events export`. */
import { toJson } from "@bufbuild/protobuf";
import { type Timestamp, TimestampSchema } from "@bufbuild/protobuf/wkt";
import { type Command, Option } from "commander";
import { type Event, EventSchema, EventState } from "../../gen/tally/v1/event_pb.js";
import { limits } from "../limits.js";
import type { Act } from "./act.js";
import type { Context } from "./context.js";
import { csvLine } from "./csv.js";
import { addFilterOptions, type EventFilterOptions, eventFilter } from "./event-filter.js";
import { type ExitCode, exitCodes, UsageError } from "./outcome.js";
import { writeText } from "./write-text.js";

/** Adds the command to `tally events`. */
export function addExportCommand(events: Command, act: Act): void {
  const command = events
    .command("export")
    .description("print all stored events that match, newest received first")
    .addOption(
      new Option("--format <format>", "one JSON object a line, or a table for spreadsheets")
        .choices(["ndjson", "csv"])
        .default("ndjson"),
    );
  addFilterOptions(command).action(
    act((context, _, options: ExportOptions) => exportEvents(context, options)),
  );
}

interface ExportOptions extends EventFilterOptions {
  readonly format: "ndjson" | "csv";
}

async function exportEvents(context: Context, options: ExportOptions): Promise<ExitCode> {
  const { format } = options;
  if (context.json && format === "csv")
    throw new UsageError("--json and --format csv exclude each other");
  const { stdout } = context.surroundings;
  if (format === "csv") await writeText(stdout, csvLine(COLUMNS.map(([name]) => name)));
  const textOf = format === "csv" ? eventLine : eventJson;
  for await (const page of pages(context, options))
    await writeText(stdout, page.map(textOf).join(""));
  return exitCodes.ok;
}

async function* pages(context: Context, options: EventFilterOptions): AsyncGenerator<Event[]> {
  const { client, projectId } = context;
  const filter = eventFilter(options);
  let pageToken = "";
  do {
    const request = { projectId, filter, pageSize: limits.pageSizeMax, pageToken };
    const { events, nextPageToken } = await client.events.listEvents(request);
    yield events;
    pageToken = nextPageToken;
  } while (pageToken !== "");
}

function eventJson(event: Event): string {
  return `${JSON.stringify(toJson(EventSchema, event))}\n`;
}

function eventLine(event: Event): string {
  return csvLine(COLUMNS.map(([, read]) => read(event)));
}

const COLUMNS: readonly (readonly [string, (event: Event) => string])[] = [
  ["event_id", ({ eventId }) => eventId],
  ["state", ({ state }) => EventState[state] ?? ""],
  ["client", ({ client }) => client],
  ["metric", ({ metric }) => metric],
  ["amount", ({ amount }) => amount],
  ["occurred_time", ({ occurredTime }) => timeText(occurredTime)],
  ["path", ({ path }) => path],
  ["user_id", ({ userId }) => userId],
  ["received_time", ({ receivedTime }) => timeText(receivedTime)],
  ["idempotency_key", ({ idempotencyKey }) => idempotencyKey],
  ["attributes", ({ attributesJson }) => attributesJson],
  ["warnings", ({ warnings }) => warnings.map((w) => `${w.field} ${w.description}`).join("; ")],
];

/** With its microseconds. */
function timeText(time: Timestamp | undefined): string {
  return time === undefined ? "" : String(toJson(TimestampSchema, time));
}
