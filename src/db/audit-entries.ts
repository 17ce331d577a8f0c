/** SQL of the audit log. Changes of tenancy are audited by the statements that make them. */
import { plainArray, textArray } from "./array-literal.js";
import { microsOf, timeOf } from "./micros.js";
import type { Queryable } from "./queryable.js";

/** One row of the audit log; texts are empty where they do not apply. */
export interface StoredAuditEntry {
  /** An int8 in decimal. */
  readonly auditEntryId: string;
  readonly createUs: number;
  readonly action: string;
  readonly actorTokenId: string;
  readonly organizationId: string;
  readonly projectId: string;
  readonly subjectId: string;
  readonly address: string;
  /** An int8 in decimal. */
  readonly count: string;
}

/** Refusals of one minute, address and token id. */
export interface Refusals {
  readonly minuteUs: number;
  readonly address: string;
  /** As the caller claimed it; empty where it sent nothing that looks like a token. */
  readonly tokenId: string;
  /** Of that token, where it exists. */
  readonly projectId: string;
  readonly count: number;
}

/**
 * Up to `limit` entries newest first, before an id; of one project if `projectId` is not empty, by
 * audit_entries_by_project.
 */
export async function listAuditEntries(
  db: Queryable,
  projectId: string,
  beforeId: string | null,
  limit: number,
  deadlineAt: number,
): Promise<StoredAuditEntry[]> {
  const rows = await db.query<AuditRow>(
    projectId === "" ? LIST_ALL : LIST_OF_PROJECT,
    projectId === "" ? [beforeId, limit] : [beforeId, limit, projectId],
    { deadlineAt },
  );
  return rows.map((row) => ({
    auditEntryId: row.audit_entry_id,
    createUs: Number(row.create_us),
    action: row.action,
    actorTokenId: row.actor_token_id,
    organizationId: row.organization_id,
    projectId: row.project_id,
    subjectId: row.subject_id,
    address: row.address,
    count: row.entry_count,
  }));
}

/**
 * The refusals are added to the rows of their minute, address and id, which all servers share. They must
 * differ in these. Not idempotent: a repeat after a lost COMMIT counts twice.
 */
export async function addRefusals(db: Queryable, refusals: readonly Refusals[]): Promise<void> {
  await db.query(ADD_REFUSALS, [
    plainArray(refusals.map(({ minuteUs }) => minuteUs)),
    textArray(refusals.map(({ address }) => address)),
    textArray(refusals.map(({ tokenId }) => tokenId)),
    textArray(refusals.map(({ projectId }) => projectId)),
    plainArray(refusals.map(({ count }) => count)),
  ]);
}

/** Removes up to `limit` rows of refusals before a time, by audit_entries_refusals; how many. */
export async function pruneRefusals(
  db: Queryable,
  beforeUs: number,
  limit: number,
): Promise<number> {
  const rows = await db.query(PRUNE, [beforeUs, limit]);
  return rows.length;
}

interface AuditRow {
  readonly audit_entry_id: string;
  readonly create_us: string;
  readonly action: string;
  readonly actor_token_id: string;
  readonly organization_id: string;
  readonly project_id: string;
  readonly subject_id: string;
  readonly address: string;
  readonly entry_count: string;
}

const LIST = (ofWhom: string) => `
SELECT
  audit_entry_id, ${microsOf("created_at")} AS create_us, action, actor_token_id, organization_id,
  project_id, subject_id, address, entry_count
FROM audit_entries
WHERE ${ofWhom}($1::bigint IS NULL OR audit_entry_id < $1)
ORDER BY audit_entry_id DESC
LIMIT $2::int`;

const LIST_ALL = LIST("");
const LIST_OF_PROJECT = LIST("project_id = $3 AND ");

// In the order of the key, so that servers that write the same rows wait for each other in turn.
const ADD_REFUSALS = `
INSERT INTO audit_entries AS a (
  action, project_id, subject_id, address, entry_count, refused_minute
)
SELECT
  'auth_failed', refusal.project_id, refusal.token_id, refusal.address, refusal.count,
  ${timeOf("refusal.minute_us")} AS minute
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bigint[])
  AS refusal (minute_us, address, token_id, project_id, count)
ORDER BY minute, address, token_id
ON CONFLICT (refused_minute, address, subject_id) WHERE refused_minute IS NOT NULL DO UPDATE SET
  entry_count = a.entry_count + EXCLUDED.entry_count`;

const PRUNE = `
DELETE FROM audit_entries
WHERE audit_entry_id IN (
  SELECT audit_entry_id
  FROM audit_entries
  WHERE refused_minute < ${timeOf("$1")}
  ORDER BY refused_minute
  LIMIT $2::int
)
RETURNING 1`;
