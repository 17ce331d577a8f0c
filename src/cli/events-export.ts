/** `tally events export`. */
import { type Command, Option } from "commander";
import type { Event } from "../../gen/tally/v1/event_pb.js";
import { type EventFormat, eventHead, eventLine } from "../event-lines.js";
import { limits } from "../limits.js";
import type { Act } from "./act.js";
import type { Context } from "./context.js";
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
  readonly format: EventFormat;
}

async function exportEvents(context: Context, options: ExportOptions): Promise<ExitCode> {
  const { format } = options;
  if (context.json && format === "csv")
    throw new UsageError("--json and --format csv exclude each other");
  const { stdout } = context.surroundings;
  await writeText(stdout, eventHead(format));
  for await (const page of pages(context, options))
    await writeText(stdout, page.map((event) => eventLine(format, event)).join(""));
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
