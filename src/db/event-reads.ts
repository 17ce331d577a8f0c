/** One event with all that is known of it: stored, or refused and kept. */
import { EVENT_COLUMNS, type EventColumns, type StoredEvent, toStoredEvent } from "./event-rows.js";
import { microsOf } from "./micros.js";
import type { Queryable } from "./queryable.js";
import { REJECTION_KINDS, REJECTION_STATES } from "./rejections.js";

/** A row of the processing log. */
export interface ProcessingStep {
  readonly timeUs: number;
  /** As `processing_log.step` stores it; the numbers of the contract's enum. */
  readonly step: number;
  readonly detail: string;
  readonly actor: string;
}

export interface EventRecord {
  readonly event: StoredEvent;
  readonly raw: Uint8Array;
  /** That sent it; '' where the ledger does not know it. */
  readonly tokenId: string;
  /** Oldest first. */
  readonly steps: readonly ProcessingStep[];
}

/** An event by its id; null if none is stored. */
export async function readEvent(
  db: Queryable,
  projectKey: string,
  eventId: Uint8Array,
  deadlineAt: number,
): Promise<EventRecord | null> {
  const [row] = await db.query<EventColumns & OriginColumns & { raw: Uint8Array }>(
    READ,
    [projectKey, eventId],
    { deadlineAt },
  );
  if (row === undefined) return null;
  return { event: toStoredEvent(row), raw: row.raw, ...toOrigin(row) };
}

/** A refused event: what is kept of it. */
export interface RefusedEvent {
  /** Lower-case hex. */
  readonly rejectionId: string;
  readonly client: string;
  readonly idempotencyKey: string;
  readonly violations: readonly { readonly field: string; readonly description: string }[];
  /** Null some time after it was closed. */
  readonly raw: Uint8Array | null;
  readonly repeatCount: number;
  /** When it was first refused, and when last. */
  readonly createUs: number;
  readonly lastUs: number;
  /** That sent what was refused last; '' where the ledger does not know it. */
  readonly tokenId: string;
  readonly steps: readonly ProcessingStep[];
}

/** A refused event by its id, as bytes and as text; of several an open one, then the last. Null if none is kept. */
export async function readRefusedEvent(
  db: Queryable,
  projectKey: string,
  eventId: Uint8Array,
  eventIdText: string,
  deadlineAt: number,
): Promise<RefusedEvent | null> {
  const [row] = await db.query<RefusedColumns>(READ_REFUSED, [projectKey, eventId, eventIdText], {
    deadlineAt,
  });
  if (row === undefined) return null;
  return {
    rejectionId: row.id,
    client: row.client,
    idempotencyKey: row.idempotency_key,
    violations: row.violations,
    raw: row.bytes,
    repeatCount: Number(row.repeat_count),
    createUs: Number(row.create_us),
    lastUs: Number(row.last_us),
    ...toOrigin(row),
  };
}

interface OriginColumns {
  token_id: string | null;
  steps: { time_us: number; step: number; detail: string; actor: string }[];
}

interface RefusedColumns extends OriginColumns {
  id: string;
  client: string;
  idempotency_key: string;
  violations: { field: string; description: string }[];
  bytes: Uint8Array | null;
  repeat_count: string;
  create_us: string;
  last_us: string;
}

function toOrigin({ token_id, steps }: OriginColumns): {
  tokenId: string;
  steps: ProcessingStep[];
} {
  return {
    tokenId: token_id ?? "",
    steps: steps.map(({ time_us, step, detail, actor }) => ({
      timeUs: time_us,
      step,
      detail,
      actor,
    })),
  };
}

// A batch is one call's, so that all its rows have one token. Its client may be another than the
// event's, which is read anew at times.
const ORIGIN = (batchKey: string) => `
  (
    SELECT max(b.token_id)
    FROM event_batches AS b
    WHERE b.project_key = $1 AND b.batch_key = ${batchKey}
  ) AS token_id,
  COALESCE((
    SELECT jsonb_agg(
      jsonb_build_object(
        'time_us', ${microsOf("l.created_at")}, 'step', l.step, 'detail', l.detail, 'actor', l.actor
      ) ORDER BY l.created_at
    )
    FROM processing_log AS l
    WHERE l.project_key = $1 AND l.event_id = $2
  ), '[]') AS steps`;

const READ = `
SELECT ${EVENT_COLUMNS}, raw, ${ORIGIN("events.batch_key")}
FROM events
WHERE project_key = $1 AND event_id = $2`;

const READ_REFUSED = `
SELECT
  encode(rejection_id, 'hex') AS id, client, idempotency_key, violations, bytes, repeat_count,
  ${microsOf("created_at")} AS create_us, ${microsOf("last_at")} AS last_us, ${ORIGIN("rejections.batch_key")}
FROM rejections
WHERE project_key = $1 AND result_id = $3 AND kind = ${REJECTION_KINDS.event}
ORDER BY (state = ${REJECTION_STATES.open}) DESC, last_at DESC, rejection_id DESC
LIMIT 1`;
