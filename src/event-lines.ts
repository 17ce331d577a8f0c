/** Events as lines of a file: CSV for spreadsheets, or one JSON object a line. */
import { toJson } from "@bufbuild/protobuf";
import { type Timestamp, TimestampSchema } from "@bufbuild/protobuf/wkt";
import { type Event, EventSchema, EventState } from "../gen/tally/v1/event_pb.js";
import { csvLine } from "./csv.js";

/** How a list of events is written. */
export type EventFormat = "csv" | "ndjson";

/** What stands before the events: the names of the columns for CSV, nothing for NDJSON. */
export function eventHead(format: EventFormat): string {
  return format === "csv" ? csvLine(COLUMNS.map(([name]) => name)) : "";
}

/** The line of one event, with its end. */
export function eventLine(format: EventFormat, event: Event): string {
  return format === "csv"
    ? csvLine(COLUMNS.map(([, read]) => read(event)))
    : `${JSON.stringify(toJson(EventSchema, event))}\n`;
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
