/** Which events are listed, as the address says it. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { EventState } from "../../../../gen/tally/v1/event_pb.js";
import { type EventFilter, EventFilterSchema } from "../../../../gen/tally/v1/event_service_pb.js";
import { dayEnd, dayStart } from "../../format/day-range.js";

/** The filter of these parameters; what they do not say is not filtered by. */
export function eventFilter(params: URLSearchParams): EventFilter {
  const text = (name: string) => params.get(name) ?? "";
  const init: MessageInitShape<typeof EventFilterSchema> = {
    client: text("client"),
    metric: text("metric"),
    state: STATES[text("state")] ?? EventState.UNSPECIFIED,
  };
  const filter = create(EventFilterSchema, init);
  const warned = WARNED[text("warnings")];
  if (warned !== undefined) filter.hasWarnings = warned;
  const times = {
    occurredStartTime: dayStart(text("occurred-from")),
    occurredEndTime: dayEnd(text("occurred-to")),
    receivedStartTime: dayStart(text("received-from")),
    receivedEndTime: dayEnd(text("received-to")),
  };
  for (const [name, time] of Object.entries(times)) {
    if (time !== undefined) filter[name as keyof typeof times] = time;
  }
  return filter;
}

/** The names of the parameters. */
export const EVENT_PARAMS = [
  "client",
  "metric",
  "state",
  "warnings",
  "occurred-from",
  "occurred-to",
  "received-from",
  "received-to",
] as const;

const STATES: Readonly<Record<string, EventState>> = {
  queued: EventState.QUEUED,
  processed: EventState.PROCESSED,
};
const WARNED: Readonly<Record<string, boolean>> = { yes: true, no: false };
