/** Tokens as authentication reads them, polls those that ended, and marks the used ones. */
import { plainArray, textArray } from "./array-literal.js";
import { microsOf, readMicros, timeOf } from "./micros.js";
import type { Queryable } from "./queryable.js";
import { JOINED, type TokenKind } from "./tokens.js";

/** What authentication knows of a token. */
export interface TokenCredential {
  readonly tokenId: string;
  readonly kind: TokenKind;
  /** Empty for an admin token. */
  readonly projectKey: string;
  readonly projectId: string;
  readonly callsPerSecond: number;
  readonly scopes: number;
  readonly secretHash: string;
  readonly expireUs: number | null;
  /** Revoked, or its project or organization deleted. */
  readonly ended: boolean;
}

/** The credential of that id, also an ended one; null if there is none. */
export async function readCredential(
  db: Queryable,
  tokenId: string,
  deadlineAt: number,
): Promise<TokenCredential | null> {
  const [row] = await db.query<CredentialRow>(CREDENTIAL, [tokenId], { deadlineAt });
  if (row === undefined) return null;
  return {
    tokenId,
    kind: row.kind === 1 ? "admin" : "project",
    projectKey: row.project_key ?? "",
    projectId: row.project_id ?? "",
    callsPerSecond: row.calls_per_second ?? 0,
    scopes: row.scopes,
    secretHash: row.secret_hash,
    expireUs: readMicros(row.expire_us),
    ended: row.ended,
  };
}

/** Ids of tokens revoked, and keys of projects deleted, in the last milliseconds by the database's clock. */
export async function listEnded(
  db: Queryable,
  withinMs: number,
  deadlineAt: number,
): Promise<{ readonly tokenIds: string[]; readonly projectKeys: string[] }> {
  const rows = await db.query<{ token_id: string | null; project_key: string | null }>(
    ENDED,
    [withinMs],
    { deadlineAt },
  );
  return {
    tokenIds: rows.flatMap((row) => row.token_id ?? []),
    projectKeys: rows.flatMap((row) => row.project_key ?? []),
  };
}

/** The tokens were used at those times at least. Rows that another server is marking are left to it. */
export async function markUsed(
  db: Queryable,
  uses: readonly { readonly tokenId: string; readonly usedUs: number }[],
): Promise<void> {
  await db.query(MARK_USED, [
    textArray(uses.map(({ tokenId }) => tokenId)),
    plainArray(uses.map(({ usedUs }) => usedUs)),
  ]);
}

interface CredentialRow {
  readonly kind: number;
  readonly project_key: string | null;
  readonly project_id: string | null;
  readonly calls_per_second: number | null;
  readonly scopes: number;
  readonly secret_hash: string;
  readonly expire_us: string | null;
  readonly ended: boolean;
}

const CREDENTIAL = `
SELECT
  t.kind, t.project_key, p.project_id, p.calls_per_second, t.scopes, t.secret_hash,
  ${microsOf("t.expires_at")} AS expire_us,
  t.revoked_at IS NOT NULL OR p.deleted_at IS NOT NULL OR o.deleted_at IS NOT NULL AS ended${JOINED}
WHERE t.token_id = $1`;

// Uses tokens_revoked and projects_deleted: it runs twice a second on every server.
const ENDED = `
SELECT token_id, NULL::bigint AS project_key
FROM tokens
WHERE revoked_at > now() - $1::bigint * interval '1 millisecond'
UNION ALL
SELECT NULL, project_key
FROM projects
WHERE deleted_at > now() - $1::bigint * interval '1 millisecond'`;

const MARK_USED = `
UPDATE tokens t
SET last_used_at = ${timeOf("used.used_us")}
FROM unnest($1::text[], $2::bigint[]) AS used (token_id, used_us)
WHERE t.token_id = used.token_id
  AND t.token_id IN (
    SELECT token_id
    FROM tokens
    WHERE token_id = ANY ($1::text[])
    FOR NO KEY UPDATE SKIP LOCKED
  )
  AND (t.last_used_at IS NULL OR t.last_used_at < ${timeOf("used.used_us")})`;
