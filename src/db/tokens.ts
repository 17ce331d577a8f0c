/** Tokens, as people make, list and end them. */
import { microsOf, readMicros, timeOf } from "./micros.js";
import type { Queryable } from "./queryable.js";
import { type Actor, couldBeId } from "./tenancy-ids.js";

/** How far a token reaches: everything, or one project. */
export type TokenKind = "admin" | "project";

/** A token without its hash, also a revoked or expired one. */
export interface StoredToken {
  readonly tokenId: string;
  readonly kind: TokenKind;
  /** Empty for an admin token. */
  readonly projectId: string;
  readonly name: string;
  /** A sum of 1 INGEST, 2 READ, 4 MANAGE. */
  readonly scopes: number;
  readonly createUs: number;
  readonly expireUs: number | null;
  readonly revokeUs: number | null;
  readonly lastUseUs: number | null;
}

/** A token to be made, with its id drawn. */
export interface NewToken {
  readonly tokenId: string;
  /** Null for an admin token. */
  readonly projectKey: string | null;
  readonly name: string;
  readonly scopes: number;
  readonly secretHash: string;
  readonly expireUs: number | null;
}

/** The token exists, and its making is audited; null if the project is gone. Idempotent by the id. */
export async function createToken(
  db: Queryable,
  token: NewToken,
  actor: Actor,
  deadlineAt: number,
): Promise<StoredToken | null> {
  const { tokenId, projectKey, name, scopes, secretHash, expireUs } = token;
  await db.query(
    projectKey === null ? CREATE_ADMIN : CREATE_OF_PROJECT,
    [tokenId, projectKey, name, scopes, secretHash, expireUs, actor.tokenId, actor.address],
    { deadlineAt },
  );
  return readToken(db, tokenId, deadlineAt);
}

/** The token; null if there is none or its project is gone. */
export async function readToken(
  db: Queryable,
  tokenId: string,
  deadlineAt: number,
): Promise<StoredToken | null> {
  if (!couldBeId(tokenId)) return null;
  const [row] = await db.query<TokenRow>(READ, [tokenId], { deadlineAt });
  return row === undefined ? null : toToken(row);
}

/** Where a page of tokens goes on. */
export interface TokenListKey {
  readonly createUs: number;
  readonly tokenId: string;
}

/** Up to `limit` tokens of a project, or with null the admin tokens, newest first. Uses tokens_by_project. */
export async function listTokens(
  db: Queryable,
  projectKey: string | null,
  after: TokenListKey | null,
  limit: number,
  deadlineAt: number,
): Promise<StoredToken[]> {
  const params = [limit, after?.createUs ?? null, after?.tokenId ?? null];
  const rows = await db.query<TokenRow>(
    projectKey === null ? LIST_ADMIN : LIST_OF_PROJECT,
    projectKey === null ? params : [...params, projectKey],
    { deadlineAt },
  );
  return rows.map(toToken);
}

/**
 * The token is revoked; once, with one audit entry. Null if there is none, or if `projectKey` is given and
 * the token is not that project's.
 */
export async function revokeToken(
  db: Queryable,
  tokenId: string,
  projectKey: string | null,
  actor: Actor,
  deadlineAt: number,
): Promise<{ readonly token: StoredToken; readonly revokedNow: boolean } | null> {
  if (!couldBeId(tokenId)) return null;
  const revoked = await db.query(REVOKE, [tokenId, projectKey, actor.tokenId, actor.address], {
    deadlineAt,
  });
  const [row] = await db.query<TokenRow>(READ, [tokenId], { deadlineAt });
  if (row === undefined || (projectKey !== null && row.project_key !== projectKey)) return null;
  return { token: toToken(row), revokedNow: revoked.length > 0 };
}

/**
 * Creates an admin token if there is none that still works. Whether it did: of several servers that start at
 * once, one does.
 */
export async function createFirstAdminToken(
  db: Queryable,
  token: { tokenId: string; name: string; secretHash: string },
): Promise<boolean> {
  const { tokenId, name, secretHash } = token;
  const [row] = await db.query<{ created: boolean }>(
    "SELECT create_first_admin_token($1, $2, $3) AS created",
    [tokenId, name, secretHash],
  );
  return row?.created ?? false;
}

/**
 * The admin token of that id has this secret and works; audited. False if the id is a project token's.
 */
export async function setAdminToken(
  db: Queryable,
  token: { tokenId: string; name: string; secretHash: string },
): Promise<boolean> {
  const { tokenId, name, secretHash } = token;
  const rows = await db.query(SET_ADMIN, [tokenId, name, secretHash]);
  return rows.length > 0;
}

interface TokenRow {
  readonly token_id: string;
  readonly kind: number;
  readonly project_key: string | null;
  readonly project_id: string | null;
  readonly name: string;
  readonly scopes: number;
  readonly create_us: string;
  readonly expire_us: string | null;
  readonly revoke_us: string | null;
  readonly last_use_us: string | null;
}

function toToken(row: TokenRow): StoredToken {
  return {
    tokenId: row.token_id,
    kind: row.kind === 1 ? "admin" : "project",
    projectId: row.project_id ?? "",
    name: row.name,
    scopes: row.scopes,
    createUs: Number(row.create_us),
    expireUs: readMicros(row.expire_us),
    revokeUs: readMicros(row.revoke_us),
    lastUseUs: readMicros(row.last_use_us),
  };
}

const COLUMNS = `
  t.token_id, t.kind, t.project_key, p.project_id, t.name, t.scopes,
  ${microsOf("t.created_at")} AS create_us, ${microsOf("t.expires_at")} AS expire_us,
  ${microsOf("t.revoked_at")} AS revoke_us, ${microsOf("t.last_used_at")} AS last_use_us`;
export const JOINED = `
FROM tokens t
LEFT JOIN projects p ON p.project_key = t.project_key
LEFT JOIN organizations o ON o.organization_key = p.organization_key`;
const ALIVE = "p.deleted_at IS NULL AND o.deleted_at IS NULL";

const INSERT = `
  INSERT INTO tokens (token_id, kind, project_key, name, scopes, secret_hash, expires_at)`;
const INSERT_AUDIT = `
  INSERT INTO audit_entries (
    action, actor_token_id, organization_id, project_id, subject_id, address
  )`;

const CREATE_ADMIN = `
WITH made AS (${INSERT}
  VALUES ($1, 1, $2::bigint, $3, $4::smallint, $5, ${timeOf("$6")})
  ON CONFLICT DO NOTHING
  RETURNING token_id
)${INSERT_AUDIT}
SELECT 'token_created', $7, '', '', token_id, $8
FROM made`;

const CREATE_OF_PROJECT = `
WITH owner AS (
  SELECT p.project_key, p.project_id, o.organization_id
  FROM projects p
  JOIN organizations o ON o.organization_key = p.organization_key
  WHERE p.project_key = $2 AND ${ALIVE}
),
made AS (${INSERT}
  SELECT $1, 2, project_key, $3::text, $4::smallint, $5::text, ${timeOf("$6")}
  FROM owner
  ON CONFLICT DO NOTHING
  RETURNING token_id
)${INSERT_AUDIT}
SELECT 'token_created', $7, owner.organization_id, owner.project_id, made.token_id, $8
FROM made, owner`;

const READ = `
SELECT ${COLUMNS}${JOINED}
WHERE t.token_id = $1 AND ${ALIVE}`;

const LIST = (ofWhom: string) => `
SELECT ${COLUMNS}${JOINED}
WHERE ${ofWhom}
  AND ($2::bigint IS NULL OR (t.created_at, t.token_id) < (${timeOf("$2")}, $3::text))
ORDER BY t.created_at DESC, t.token_id DESC
LIMIT $1::int`;

const LIST_ADMIN = LIST("t.project_key IS NULL");
const LIST_OF_PROJECT = LIST("t.project_key = $4");

const REVOKE = `
WITH ended AS (
  UPDATE tokens
  SET revoked_at = clock_timestamp()
  WHERE token_id = $1 AND revoked_at IS NULL AND ($2::bigint IS NULL OR project_key = $2)
  RETURNING token_id, project_key
),
audited AS (${INSERT_AUDIT}
  SELECT
    'token_revoked', $3, COALESCE(o.organization_id, ''), COALESCE(p.project_id, ''), ended.token_id, $4
  FROM ended
  LEFT JOIN projects p ON p.project_key = ended.project_key
  LEFT JOIN organizations o ON o.organization_key = p.organization_key
)
SELECT token_id FROM ended`;

const SET_ADMIN = `
WITH made AS (
  INSERT INTO tokens (token_id, kind, name, scopes, secret_hash)
  VALUES ($1, 1, $2, 0, $3)
  ON CONFLICT (token_id) DO UPDATE SET
    secret_hash = EXCLUDED.secret_hash,
    revoked_at = NULL,
    expires_at = NULL
  WHERE tokens.kind = 1
  RETURNING token_id
)${INSERT_AUDIT}
SELECT 'admin_token_set', '', '', '', token_id, ''
FROM made
RETURNING 1`;
