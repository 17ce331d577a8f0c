/** Which events a list or a reprocessing is about, as SQL over `events`. */
import { EVENT_STATES } from "./event-rows.js";
import { timeOf } from "./micros.js";
import type { Param } from "./queryable.js";

export interface EventFilter {
  /** '' means any. */
  readonly client: string;
  readonly metric: string;
  /** 0 means any. */
  readonly state: number;
  /** Microseconds since the epoch, `[start, end)`. */
  readonly occurredStartUs: number | null;
  readonly occurredEndUs: number | null;
  readonly receivedStartUs: number | null;
  readonly receivedEndUs: number | null;
  readonly hasWarnings: boolean | null;
}

/** Position in the list: time of receipt, then id. */
export interface EventKey {
  readonly receiveUs: number;
  /** Lower-case hex. */
  readonly eventId: string;
}

/** Puts a value into the parameters and answers its place in the text. */
export type Bind = (value: Param) => string;

/** Holds for every event that was not dropped; events_by_time serves what names it. */
export const IN_ORDER_OF_RECEIPT = `received_at > '-infinity' AND state <> ${EVENT_STATES.dropped}`;

/** Where in the order of receipt, newest first. */
export function rangeOf(filter: EventFilter, after: EventKey | null, bind: Bind): string[] {
  return [
    ...timesOf("received_at", filter.receivedStartUs, filter.receivedEndUs, bind),
    ...(after === null
      ? []
      : [
          `(received_at, event_id) < (${timeOf(bind(after.receiveUs))}, decode(${bind(after.eventId)}::text, 'hex'))`,
        ]),
  ];
}

/** What else must hold. */
export function matchOf(filter: EventFilter, bind: Bind): string[] {
  const { client, metric, state, hasWarnings } = filter;
  return [
    ...(client === "" ? [] : [`client = ${bind(client)}`]),
    ...(metric === "" ? [] : [`metric = ${bind(metric)}`]),
    ...(state === 0 ? [] : [`state = ${bind(state)}`]),
    ...timesOf("occurred_at", filter.occurredStartUs, filter.occurredEndUs, bind),
    ...(hasWarnings === null ? [] : [`warnings IS ${hasWarnings ? "NOT " : ""}NULL`]),
  ];
}

function timesOf(column: string, start: number | null, end: number | null, bind: Bind): string[] {
  return [
    ...(start === null ? [] : [`${column} >= ${timeOf(bind(start))}`]),
    ...(end === null ? [] : [`${column} < ${timeOf(bind(end))}`]),
  ];
}
