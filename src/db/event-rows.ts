/** Stored events, as reads answer them. */
import { microsOf, readMicros } from "./micros.js";

/** As `events.state` stores them; the numbers of the contract's enum. */
export const EVENT_STATES = { queued: 1, processed: 2, dropped: 4 } as const;
/** What an event is stored as. */
export type StoredState = typeof EVENT_STATES.queued | typeof EVENT_STATES.processed;

/** What was unknown, defaulted or read in another form. */
export interface EventWarningRow {
  readonly code: string;
  readonly field: string;
  readonly description: string;
}

export interface StoredEvent {
  /** 16 bytes. */
  readonly eventId: Uint8Array;
  readonly state: number;
  readonly client: string;
  readonly metric: string;
  /** A decimal, without exponent and trailing zeros. */
  readonly amount: string;
  readonly occurUs: number;
  readonly path: string | null;
  readonly userId: string | null;
  /** A JSON object. */
  readonly attributes: string | null;
  readonly warnings: readonly EventWarningRow[];
  readonly warningsTruncated: boolean;
  readonly idempotencyKey: string | null;
  readonly receiveUs: number;
  /** Of an event that was queued: when it was processed. */
  readonly processUs: number | null;
  readonly normalizerVersion: number;
}

/** What EVENT_COLUMNS selects. */
export interface EventColumns {
  event_id: Uint8Array;
  state: number;
  client: string;
  metric: string;
  amount: string;
  occur_us: string;
  path: string | null;
  user_id: string | null;
  attributes: string | null;
  warnings: string | null;
  warnings_truncated: boolean;
  idempotency_key: string | null;
  receive_us: string;
  process_us: string | null;
  normalizer_version: number;
}

/** Columns of `events`, without what was sent. */
export const EVENT_COLUMNS = `
  event_id, state, client, metric, trim_scale(amount)::text AS amount, ${microsOf("occurred_at")} AS occur_us,
  path, user_id, attributes, warnings, warnings_truncated, idempotency_key,
  ${microsOf("received_at")} AS receive_us,
  ${microsOf("processed_at")} AS process_us, normalizer_version`;

/** The event of a row. */
export function toStoredEvent(row: EventColumns): StoredEvent {
  return {
    eventId: row.event_id,
    state: row.state,
    client: row.client,
    metric: row.metric,
    amount: row.amount,
    occurUs: Number(row.occur_us),
    path: row.path,
    userId: row.user_id,
    attributes: row.attributes,
    warnings: row.warnings === null ? [] : (JSON.parse(row.warnings) as EventWarningRow[]),
    warningsTruncated: row.warnings_truncated,
    idempotencyKey: row.idempotency_key,
    receiveUs: Number(row.receive_us),
    processUs: readMicros(row.process_us),
    normalizerVersion: row.normalizer_version,
  };
}
