/** What was refused and is kept: listed and closed by people. Originals never change. */
import { byteaArray } from "./array-literal.js";
import { KEPT_SIZE } from "./kept-refusals.js";
import { microsOf, readMicros, timeOf } from "./micros.js";
import type { Queryable } from "./queryable.js";
import { isTurnFree } from "./turns.js";

/** As `rejections.kind` stores them; the numbers of the contract's enum. */
export const REJECTION_KINDS = { result: 1, run: 2, event: 3, finish: 4 } as const;
/** As `rejections.reason` stores them; the numbers of the contract's enum. */
export const REJECTION_REASONS = {
  invalid: 1,
  conflict: 2,
  unstorable: 3,
  tooManyTests: 4,
  processingFailed: 5,
} as const;
/** As `rejections.state` stores them; the numbers of the contract's enum. */
export const REJECTION_STATES = { open: 1, resolved: 2, dismissed: 3 } as const;

export interface RejectionFilter {
  /** 0 means any, in all three. */
  readonly kind: number;
  readonly reason: number;
  readonly state: number;
  /** '' means any. */
  readonly client: string;
  readonly runId: string;
  /** Microseconds since the epoch, `[start, end)`. */
  readonly startUs: number | null;
  readonly endUs: number | null;
}

/** Position in the order of a list: creation time, then id. */
export interface RejectionKey {
  readonly createUs: number;
  /** Lower-case hex. */
  readonly rejectionId: string;
}

export interface StoredRejection extends RejectionKey {
  readonly kind: number;
  readonly reason: number;
  readonly state: number;
  readonly violations: readonly { readonly field: string; readonly description: string }[];
  readonly violationsTruncated: boolean;
  readonly runId: string;
  readonly part: Uint8Array;
  readonly index: number;
  readonly resultId: string;
  /** Null some time after it was closed. */
  readonly bytes: Uint8Array | null;
  readonly client: string;
  readonly repeatCount: number;
  readonly lastUs: number;
  readonly closeUs: number | null;
  readonly closedBy: string;
  readonly note: string;
  /** Of an event; '' is none. */
  readonly idempotencyKey: string;
}

/**
 * Rejections that match, newest first, after a key; up to `limit`, and no more once what is kept of them and their
 * violations pass `maxBytes`. With `more` others may come after them. Serves from rejections_by_time or
 * rejections_by_state.
 */
export async function listRejections(
  db: Queryable,
  projectKey: string,
  filter: RejectionFilter,
  page: {
    readonly after: RejectionKey | null;
    readonly limit: number;
    readonly maxBytes: number;
  },
  deadlineAt: number,
): Promise<{ rejections: StoredRejection[]; more: boolean }> {
  const { after, limit, maxBytes } = page;
  const rows = await db.query<RejectionColumns & { fills_page: boolean }>(
    LIST,
    [projectKey, ...filterParams(filter), ...afterParams(after), limit + 1, maxBytes],
    { deadlineAt },
  );
  return {
    rejections: rows.slice(0, limit).map(toStoredRejection),
    more: rows.length > limit || rows.at(-1)?.fills_page === true,
  };
}

/** Keys of rejections that match, oldest first, after a key, up to `limit`: of what is kept nothing is read. */
export async function listRejectionKeys(
  db: Queryable,
  projectKey: string,
  filter: RejectionFilter,
  page: { readonly after: RejectionKey | null; readonly limit: number },
  deadlineAt: number,
): Promise<RejectionKey[]> {
  const params = [projectKey, ...filterParams(filter), ...afterParams(page.after), page.limit];
  const rows = await db.query<{ id: string; create_us: string }>(LIST_KEYS, params, { deadlineAt });
  return rows.map((row) => ({ createUs: Number(row.create_us), rejectionId: row.id }));
}

function filterParams(filter: RejectionFilter): (string | number | null)[] {
  const { kind, reason, state, client, runId, startUs, endUs } = filter;
  return [kind, reason, state, client, runId, startUs, endUs];
}

function afterParams(after: RejectionKey | null): (string | number | null)[] {
  return [after?.createUs ?? null, after?.rejectionId ?? ""];
}

/** The rejection, or null where there is none. The id is 32 hex digits. */
export function readRejection(
  db: Queryable,
  projectKey: string,
  id: string,
  deadlineAt: number,
): Promise<StoredRejection | null> {
  return read(db, READ, projectKey, id, deadlineAt);
}

/** Who replays a rejection has this turn meanwhile. */
export function replayTurn(projectKey: string, id: string): string {
  return `replay ${projectKey} ${id}`;
}

/** The same, for who has its turn: one that is being dismissed is waited for, and from then on none is. */
export function readRejectionInTurn(
  db: Queryable,
  projectKey: string,
  id: string,
  deadlineAt: number,
): Promise<StoredRejection | null> {
  return read(db, READ_IN_TURN, projectKey, id, deadlineAt);
}

async function read(
  db: Queryable,
  statement: string,
  projectKey: string,
  id: string,
  deadlineAt: number,
): Promise<StoredRejection | null> {
  const params = [projectKey, Buffer.from(id, "hex")];
  const [row] = await db.query<RejectionColumns>(statement, params, { deadlineAt });
  return row === undefined ? null : toStoredRejection(row);
}

export interface ClosedRejection {
  readonly rejectionId: string;
  readonly runKey: string | null;
}

/** Closes those that are open, once and only once; answers which. Their bytes leave the project's bound. */
export async function closeRejections(
  db: Queryable,
  projectKey: string,
  ids: readonly string[],
  closing: { readonly state: number; readonly closedBy: string; readonly note: string },
  deadlineAt: number,
): Promise<ClosedRejection[]> {
  const { closed } = await close(db, CLOSE, projectKey, ids, closing, deadlineAt);
  return closed;
}

/** The same for people who need them no more: one that is being replayed stays as it is, and is told. */
export function dismissRejections(
  db: Queryable,
  projectKey: string,
  ids: readonly string[],
  { closedBy, note }: { readonly closedBy: string; readonly note: string },
  deadlineAt: number,
): Promise<{ closed: ClosedRejection[]; replayed: string[] }> {
  const closing = { state: REJECTION_STATES.dismissed, closedBy, note };
  return close(db, DISMISS, projectKey, ids, closing, deadlineAt);
}

async function close(
  db: Queryable,
  statement: string,
  projectKey: string,
  ids: readonly string[],
  closing: { readonly state: number; readonly closedBy: string; readonly note: string },
  deadlineAt: number,
): Promise<{ closed: ClosedRejection[]; replayed: string[] }> {
  const rows = await db.query<{ id: string; run_key: string | null; is_closed: boolean }>(
    statement,
    [
      projectKey,
      byteaArray(ids.map((id) => Buffer.from(id, "hex"))),
      closing.state,
      closing.closedBy,
      closing.note,
    ],
    { deadlineAt },
  );
  return {
    closed: rows
      .filter((row) => row.is_closed)
      .map((row) => ({ rejectionId: row.id, runKey: row.run_key })),
    replayed: rows.filter((row) => !row.is_closed).map((row) => row.id),
  };
}

/** Drops the bytes of a bounded number of rejections of a project that were closed long ago; how many. */
export async function dropClosedBytes(
  db: Queryable,
  projectKey: string,
  closedBeforeUs: number,
  limit: number,
): Promise<number> {
  const rows = await db.query(DROP_BYTES, [projectKey, closedBeforeUs, limit]);
  return rows.length;
}

interface RejectionColumns {
  id: string;
  kind: number;
  reason: number;
  state: number;
  violations: { field: string; description: string }[];
  violations_truncated: boolean;
  run_id: string;
  part: Uint8Array;
  item_index: string;
  result_id: string;
  bytes: Uint8Array | null;
  client: string;
  repeat_count: string;
  create_us: string;
  last_us: string;
  close_us: string | null;
  closed_by: string;
  note: string;
  idempotency_key: string;
}

function toStoredRejection(row: RejectionColumns): StoredRejection {
  return {
    rejectionId: row.id,
    kind: row.kind,
    reason: row.reason,
    state: row.state,
    violations: row.violations,
    violationsTruncated: row.violations_truncated,
    runId: row.run_id,
    part: row.part,
    index: Number(row.item_index),
    resultId: row.result_id,
    bytes: row.bytes,
    client: row.client,
    repeatCount: Number(row.repeat_count),
    createUs: Number(row.create_us),
    lastUs: Number(row.last_us),
    closeUs: readMicros(row.close_us),
    closedBy: row.closed_by,
    note: row.note,
    idempotencyKey: row.idempotency_key,
  };
}

const COLUMNS = `
  encode(rejection_id, 'hex') AS id, kind, reason, state, violations, violations_truncated, run_id, part,
  item_index, result_id, bytes, client, repeat_count, ${microsOf("created_at")} AS create_us,
  ${microsOf("last_at")} AS last_us, ${microsOf("closed_at")} AS close_us, closed_by, note, idempotency_key`;

const MATCHES = `
      project_key = $1
      AND ($2::smallint = 0 OR kind = $2)
      AND ($3::smallint = 0 OR reason = $3)
      AND ($4::smallint = 0 OR state = $4)
      AND ($5::text = '' OR client = $5)
      AND ($6::text = '' OR run_id = $6)
      AND ($7::bigint IS NULL OR created_at >= ${timeOf("$7")})
      AND ($8::bigint IS NULL OR created_at < ${timeOf("$8")})`;

// The running sum stops behind the row that passes the bound: a page has one row at least.
const LIST = `
SELECT ${COLUMNS}, bytes_before + own_bytes > $12::bigint AS fills_page
FROM (
  SELECT *, COALESCE(sum(own_bytes) OVER (
    ORDER BY created_at DESC, rejection_id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
  ), 0) AS bytes_before
  FROM (
    SELECT *, COALESCE(octet_length(bytes), 0) + octet_length(violations::text) AS own_bytes
    FROM rejections
    WHERE ${MATCHES}
      AND ($9::bigint IS NULL OR (created_at, rejection_id) < (${timeOf("$9")}, decode($10::text, 'hex')))
    ORDER BY created_at DESC, rejection_id DESC
    LIMIT $11::int
  ) found
) page
WHERE bytes_before <= $12::bigint
ORDER BY created_at DESC, rejection_id DESC`;

const LIST_KEYS = `
SELECT encode(rejection_id, 'hex') AS id, ${microsOf("created_at")} AS create_us
FROM rejections
WHERE ${MATCHES}
  AND ($9::bigint IS NULL OR (created_at, rejection_id) > (${timeOf("$9")}, decode($10::text, 'hex')))
ORDER BY created_at, rejection_id
LIMIT $11::int`;

const READ = `
SELECT ${COLUMNS}
FROM rejections
WHERE project_key = $1 AND rejection_id = $2::bytea`;

const READ_IN_TURN = `${READ}
FOR SHARE`;

// A closed result of a run may change what the run still misses. Whether a row may be closed is asked once it is locked.
const closeWhere = (mayClose: string) => `
WITH open AS MATERIALIZED (
  SELECT rejection_id
  FROM rejections
  WHERE project_key = $1 AND rejection_id = ANY ($2::bytea[]) AND state = 1
  ORDER BY rejection_id
  FOR UPDATE
),
closing AS MATERIALIZED (
  SELECT rejection_id
  FROM open
  WHERE ${mayClose}
),
closed AS (
  UPDATE rejections r
  SET state = $3::smallint, closed_at = now(), closed_by = $4::text, note = $5::text
  FROM closing c
  WHERE r.project_key = $1 AND r.rejection_id = c.rejection_id
  RETURNING r.rejection_id, r.run_key, ${KEPT_SIZE} AS size
),
freed AS (
  UPDATE rejection_usage
  SET kept_bytes = GREATEST(0, kept_bytes - (SELECT sum(size) FROM closed))
  WHERE project_key = $1 AND EXISTS (SELECT FROM closed)
),
unsettled AS (
  UPDATE runs
  SET state_version = state_version + 1, unsettled_at = now()
  WHERE project_key = $1 AND run_key IN (SELECT run_key FROM closed)
)
SELECT encode(o.rejection_id, 'hex') AS id, c.run_key, c.rejection_id IS NOT NULL AS is_closed
FROM open o
LEFT JOIN closed c USING (rejection_id)`;

const CLOSE = closeWhere("true");

// Who replays takes the turn before it reads the row, which waits for whoever has it locked: either the turn is seen here, or
// the row is read there once it is closed.
const DISMISS = closeWhere(
  isTurnFree(`'replay ' || $1::bigint || ' ' || encode(rejection_id, 'hex')`),
);

// The state is asked for twice: one that is opened again while this waits for it keeps its bytes.
const DROP_BYTES = `
UPDATE rejections
SET bytes = NULL
WHERE project_key = $1 AND state <> 1 AND rejection_id IN (
  SELECT rejection_id
  FROM rejections
  WHERE project_key = $1 AND state <> 1 AND bytes IS NOT NULL AND closed_at < ${timeOf("$2")}
  ORDER BY rejection_id
  LIMIT $3::int
)
RETURNING rejection_id`;
