/** Events that the insert left out: what is stored under their ids. */
import {
  byteaArray,
  parseIntegers,
  parseSubscripts,
  plainArray,
  textArray,
} from "./array-literal.js";
import { EVENT_STATES, type StoredState } from "./event-rows.js";
import type { EventGroup, EventRow } from "./events.js";
import { microsOf } from "./micros.js";
import type { Queryable } from "./queryable.js";

/** What became of an event that did not go in. */
export interface ProbedEvent {
  /** Index into the probed rows. */
  readonly index: number;
  /** The content as sent is the same. */
  readonly same: boolean;
  /** Its attributes are the same too, or were dropped. */
  readonly sameAttributes: boolean;
  /** This very batch stored it: the answer to its COMMIT was lost. */
  readonly own: boolean;
  readonly firstState: StoredState;
  /** When the first one was received, in microseconds since the epoch. */
  readonly firstUs: number;
}

/** Rows to probe, which may be a part of a batch. */
export interface EventProbe {
  readonly projectKey: string;
  readonly batchKey: string;
  /** 63 random bits in decimal: groups count on from it, for the rows of the ledger that count their repeats. */
  readonly repeatKey: string;
  readonly groups: readonly EventGroup[];
  readonly rows: readonly EventRow[];
  readonly groupOf: readonly number[];
  /** Whether a row is the first of its id in the statement that left it out. */
  readonly isFirst: readonly boolean[];
}

/**
 * Compares events with what is stored under their ids, and counts the repeats and conflicts in the ledger;
 * idempotent by the repeat key. A row that is missing from the answer is not stored (any more).
 */
export async function probeEvents(
  db: Queryable,
  probe: EventProbe,
  deadlineAt: number,
): Promise<ProbedEvent[]> {
  const { rows, groups } = probe;
  const [row] = await db.query<ProbeColumns>(
    PROBE,
    [
      probe.projectKey,
      probe.batchKey,
      probe.repeatKey,
      textArray(groups.map((g) => g.tokenId)),
      plainArray(probe.groupOf.map((g) => g + 1)),
      byteaArray(rows.map((r) => r.eventId)),
      byteaArray(rows.map((r) => r.contentHash)),
      textArray(rows.map((r) => r.client)),
      textArray(rows.map((r) => r.attributes)),
      plainArray(probe.isFirst),
    ],
    { deadlineAt },
  );
  const flags = parseIntegers(row?.flags ?? null);
  const states = parseIntegers(row?.states ?? null);
  const times = parseIntegers(row?.times ?? null);
  return parseSubscripts(row?.ords).map((index, i) => {
    const bits = flags[i] ?? 0;
    return {
      index,
      same: (bits & 1) !== 0,
      own: (bits & 2) !== 0,
      sameAttributes: (bits & 4) !== 0,
      firstState: states[i] === EVENT_STATES.queued ? EVENT_STATES.queued : EVENT_STATES.processed,
      firstUs: times[i] ?? 0,
    };
  });
}

interface ProbeColumns {
  ords: string | null;
  flags: string | null;
  states: string | null;
  times: string | null;
}

// LATERAL with OFFSET 0 keeps the look-ups by key. What was dropped has kept its content hash alone. Bits: 1 same, 2 own, 4 same attributes.
const PROBE = `
WITH probed AS MATERIALIZED (
  SELECT
    s.ord, s.g, s.client, e.state, e.received_at,
    e.content_hash IS NOT DISTINCT FROM s.content_hash AS same,
    e.batch_key = $2::bigint + s.g - 1 AND s.is_first AS own,
    e.state = ${EVENT_STATES.dropped} OR e.attributes IS NOT DISTINCT FROM s.attributes AS same_attributes
  FROM unnest($5::int[], $6::bytea[], $7::bytea[], $8::text[], $9::text[], $10::boolean[])
    WITH ORDINALITY AS s(g, event_id, content_hash, client, attributes, is_first, ord)
  CROSS JOIN LATERAL (
    SELECT state, received_at, content_hash, batch_key, attributes
    FROM events
    WHERE project_key = $1 AND event_id = s.event_id
    OFFSET 0
  ) e
),
ledger AS (
  INSERT INTO event_batches (
    project_key, batch_key, client, token_id, processed_count, queued_count, duplicate_count, conflict_count,
    rejected_count
  )
  SELECT
    $1, $3::bigint + g - 1, client, ($4::text[])[g], 0, 0, count(*) FILTER (WHERE same),
    count(*) FILTER (WHERE NOT same), 0
  FROM probed
  WHERE NOT own
  GROUP BY g, client
  ON CONFLICT DO NOTHING
)
SELECT
  array_agg(ord ORDER BY ord)::text AS ords,
  array_agg(same::int + 2 * own::int + 4 * same_attributes::int ORDER BY ord)::text AS flags,
  array_agg(state ORDER BY ord)::text AS states,
  array_agg(${microsOf("received_at")} ORDER BY ord)::text AS times
FROM probed`;
