/** The filter of events, from the contract to the database. */
import { EventState } from "../../../gen/tally/v1/event_pb.js";
import type { EventFilter as FilterMessage } from "../../../gen/tally/v1/event_service_pb.js";
import type { EventFilter } from "../../db/event-conditions.js";
import { invalidArgument, type Violation } from "../../errors.js";
import { checkName, checkTime, toMicros } from "../../ingest/rules.js";
import { limits } from "../../limits.js";

/** The filter; absent matches all. Throws INVALID_ARGUMENT for values that nothing can match. */
export function toEventFilter(message: FilterMessage | undefined): EventFilter {
  const violations: Violation[] = [];
  const { client = "", metric = "", state = EventState.UNSPECIFIED } = message ?? {};
  checkName(violations, "filter.client", client, limits.nameBytes);
  checkName(violations, "filter.metric", metric, limits.nameBytes);
  if (state === EventState.REJECTED) {
    const description = "REJECTED events are listed by RejectionService";
    violations.push({ field: "filter.state", description });
  } else if (state === EventState.DROPPED) {
    violations.push({ field: "filter.state", description: "DROPPED events are not listed" });
  } else if (EventState[state] === undefined) {
    violations.push({ field: "filter.state", description: `${state} is not known` });
  }
  checkTime(violations, "filter.occurred_start_time", message?.occurredStartTime);
  checkTime(violations, "filter.occurred_end_time", message?.occurredEndTime);
  checkTime(violations, "filter.received_start_time", message?.receivedStartTime);
  checkTime(violations, "filter.received_end_time", message?.receivedEndTime);
  if (violations.length > 0) throw invalidArgument(violations);
  return {
    client,
    metric,
    state,
    occurredStartUs: micros(message?.occurredStartTime),
    occurredEndUs: micros(message?.occurredEndTime),
    receivedStartUs: micros(message?.receivedStartTime),
    receivedEndUs: micros(message?.receivedEndTime),
    hasWarnings: message?.hasWarnings ?? null,
  };
}

function micros(time: Parameters<typeof toMicros>[0] | undefined): number | null {
  return time === undefined ? null : toMicros(time);
}
