/** SQL of projects. Deleted ones, and those of deleted organizations, are never seen. */
import { DbError } from "./errors.js";
import { microsOf } from "./micros.js";
import type { Param, Queryable } from "./queryable.js";
import { type Actor, couldBeId } from "./tenancy-ids.js";

/** A project that is not deleted. */
export interface StoredProject {
  /** An int8 in decimal. */
  readonly projectKey: string;
  readonly projectId: string;
  readonly organizationId: string;
  readonly name: string;
  readonly settings: StoredSettings;
  readonly createUs: number;
}

/** As the columns: 0 and "" stand for the defaults. */
export interface StoredSettings {
  readonly retentionDays: number;
  readonly defaultBranch: string;
  readonly eventPolicy: number;
  readonly keptRefusalBytes: bigint;
  readonly callsPerSecond: number;
  readonly eventRetentionDays: number;
}

/** What is to change; absent fields stay. */
export type ProjectChange = Partial<StoredSettings> & { readonly name?: string };

/** What came of a change; only `stored` changed anything. */
export type ProjectOutcome =
  | { readonly outcome: "stored"; readonly project: StoredProject }
  | { readonly outcome: "name-taken"; readonly projectId: string }
  | { readonly outcome: "not-found" };

/** A project to be made, with its id drawn. */
export interface NewProject {
  readonly projectId: string;
  readonly organizationId: string;
  readonly name: string;
  readonly settings: StoredSettings;
}

/**
 * The project exists under this id, and its making is audited; or the name is taken or the organization not
 * there, and nothing changed. Idempotent by the id.
 */
export async function createProject(
  db: Queryable,
  { projectId, organizationId, name, settings }: NewProject,
  actor: Actor,
  deadlineAt: number,
): Promise<ProjectOutcome> {
  if (!couldBeId(organizationId)) return { outcome: "not-found" };
  const made = await db.query<ProjectRow>(
    CREATE,
    [projectId, organizationId, name, ...settingParams(settings), actor.tokenId, actor.address],
    { deadlineAt },
  );
  const [row] =
    made.length > 0
      ? made
      : await db.query<ProjectRow>(FIND_OWN_OR_NAMESAKE, [projectId, organizationId, name], {
          deadlineAt,
        });
  if (row !== undefined) {
    return row.project_id === projectId
      ? { outcome: "stored", project: toProject(row) }
      : { outcome: "name-taken", projectId: row.project_id };
  }
  const parents = await db.query(HAS_ORGANIZATION, [organizationId], { deadlineAt });
  if (parents.length === 0) return { outcome: "not-found" };
  // The namesake was deleted between the statements: the name is free now.
  throw new DbError("transient", "the name changed hands", "", "");
}

/** The project; null if there is none. */
export async function readProject(
  db: Queryable,
  projectId: string,
  deadlineAt: number,
): Promise<StoredProject | null> {
  if (!couldBeId(projectId)) return null;
  const [row] = await db.query<ProjectRow>(READ, [projectId], { deadlineAt });
  return row === undefined ? null : toProject(row);
}

/** Up to `limit` projects of an organization by name, after a name. Uses projects_name. */
export async function listProjects(
  db: Queryable,
  organizationId: string,
  afterName: string | null,
  limit: number,
  deadlineAt: number,
): Promise<StoredProject[]> {
  if (!couldBeId(organizationId)) return [];
  const params = [organizationId, afterName ?? "", limit];
  const rows = await db.query<ProjectRow>(LIST, params, { deadlineAt });
  return rows.map(toProject);
}

/** The changes are stored and audited; or the new name is taken, and nothing changed. */
export async function updateProject(
  db: Queryable,
  projectId: string,
  change: ProjectChange,
  actor: Actor,
  deadlineAt: number,
): Promise<ProjectOutcome> {
  if (!couldBeId(projectId)) return { outcome: "not-found" };
  const params = [
    projectId,
    change.name ?? null,
    ...settingParams(change),
    actor.tokenId,
    actor.address,
  ];
  try {
    const [row] = await db.query<ProjectRow>(UPDATE, params, { deadlineAt });
    return row === undefined
      ? { outcome: "not-found" }
      : { outcome: "stored", project: toProject(row) };
  } catch (error) {
    if (!(error instanceof DbError) || error.constraint !== "projects_name") throw error;
    const [namesake] = await db.query<{ project_id: string }>(
      FIND_NAMESAKE,
      [projectId, change.name ?? ""],
      { deadlineAt },
    );
    if (namesake !== undefined) return { outcome: "name-taken", projectId: namesake.project_id };
    throw new DbError("transient", "the name changed hands", "", "");
  }
}

/** Whether this call deleted it: it is gone for every caller, its rows follow in the background. */
export async function deleteProject(
  db: Queryable,
  projectId: string,
  actor: Actor,
  deadlineAt: number,
): Promise<boolean> {
  if (!couldBeId(projectId)) return false;
  const params = [projectId, actor.tokenId, actor.address];
  const rows = await db.query(DELETE, params, { deadlineAt });
  return rows.length > 0;
}

interface ProjectRow {
  readonly project_key: string;
  readonly project_id: string;
  readonly organization_id: string;
  readonly name: string;
  readonly retention_days: number;
  readonly default_branch: string;
  readonly event_policy: number;
  readonly kept_refusal_bytes: string;
  readonly calls_per_second: number;
  readonly event_retention_days: number;
  readonly create_us: string;
}

function toProject(row: ProjectRow): StoredProject {
  return {
    projectKey: row.project_key,
    projectId: row.project_id,
    organizationId: row.organization_id,
    name: row.name,
    settings: {
      retentionDays: row.retention_days,
      defaultBranch: row.default_branch,
      eventPolicy: row.event_policy,
      keptRefusalBytes: BigInt(row.kept_refusal_bytes),
      callsPerSecond: row.calls_per_second,
      eventRetentionDays: row.event_retention_days,
    },
    createUs: Number(row.create_us),
  };
}

function settingParams(settings: Partial<StoredSettings>): Param[] {
  return [
    settings.retentionDays ?? null,
    settings.defaultBranch ?? null,
    settings.eventPolicy ?? null,
    settings.keptRefusalBytes ?? null,
    settings.callsPerSecond ?? null,
    settings.eventRetentionDays ?? null,
  ];
}

const SETTINGS =
  "retention_days, default_branch, event_policy, kept_refusal_bytes, calls_per_second, event_retention_days";
const COLUMNS = `
  p.project_key, p.project_id, o.organization_id, p.name, p.retention_days, p.default_branch,
  p.event_policy, p.kept_refusal_bytes, p.calls_per_second, p.event_retention_days, ${microsOf("p.created_at")} AS create_us`;
const ALIVE = "p.deleted_at IS NULL AND o.deleted_at IS NULL";

// FOR SHARE: delete_organization waits for this, or this finds the organization gone.
const CREATE = `
WITH o AS (
  SELECT organization_key, organization_id
  FROM organizations
  WHERE organization_id = $2 AND deleted_at IS NULL
  FOR SHARE
),
p AS (
  INSERT INTO projects (project_id, organization_key, name, ${SETTINGS})
  SELECT $1, organization_key, $3::text, $4::int, $5::text, $6::smallint, $7::bigint, $8::int, $9::int
  FROM o
  ON CONFLICT DO NOTHING
  RETURNING *
),
audited AS (
  INSERT INTO audit_entries (
    action, actor_token_id, organization_id, project_id, subject_id, address
  )
  SELECT 'project_created', $10, $2, project_id, project_id, $11
  FROM p
)
SELECT ${COLUMNS}
FROM p, o`;

const FIND_OWN_OR_NAMESAKE = `
SELECT ${COLUMNS}
FROM projects p
JOIN organizations o ON o.organization_key = p.organization_key
WHERE p.project_id = $1
   OR (o.organization_id = $2 AND p.name = $3 AND ${ALIVE})
ORDER BY p.project_id = $1 DESC
LIMIT 1`;

const HAS_ORGANIZATION =
  "SELECT 1 FROM organizations WHERE organization_id = $1 AND deleted_at IS NULL";

const READ = `
SELECT ${COLUMNS}
FROM projects p
JOIN organizations o ON o.organization_key = p.organization_key
WHERE p.project_id = $1 AND ${ALIVE}`;

// No name is empty.
const LIST = `
SELECT ${COLUMNS}
FROM projects p
JOIN organizations o ON o.organization_key = p.organization_key
WHERE o.organization_id = $1 AND p.name > $2 AND ${ALIVE}
ORDER BY p.name
LIMIT $3::int`;

const UPDATE = `
WITH p AS (
  UPDATE projects
  SET
    name = COALESCE($2::text, projects.name),
    retention_days = COALESCE($3::int, retention_days),
    default_branch = COALESCE($4::text, default_branch),
    event_policy = COALESCE($5::smallint, event_policy),
    kept_refusal_bytes = COALESCE($6::bigint, kept_refusal_bytes),
    calls_per_second = COALESCE($7::int, calls_per_second),
    event_retention_days = COALESCE($8::int, event_retention_days)
  WHERE project_id = $1 AND deleted_at IS NULL
  RETURNING *
),
audited AS (
  INSERT INTO audit_entries (
    action, actor_token_id, organization_id, project_id, subject_id, address
  )
  SELECT 'project_updated', $9, o.organization_id, p.project_id, p.project_id, $10
  FROM p
  JOIN organizations o ON o.organization_key = p.organization_key
)
SELECT ${COLUMNS}
FROM p
JOIN organizations o ON o.organization_key = p.organization_key`;

const FIND_NAMESAKE = `
SELECT namesake.project_id
FROM projects p
JOIN projects namesake ON namesake.organization_key = p.organization_key
WHERE p.project_id = $1 AND namesake.name = $2 AND namesake.deleted_at IS NULL`;

const DELETE = `
WITH p AS (
  UPDATE projects
  SET deleted_at = clock_timestamp()
  WHERE project_id = $1 AND deleted_at IS NULL
  RETURNING project_id, organization_key
),
audited AS (
  INSERT INTO audit_entries (
    action, actor_token_id, organization_id, project_id, subject_id, address
  )
  SELECT 'project_deleted', $2, o.organization_id, p.project_id, p.project_id, $3
  FROM p
  JOIN organizations o ON o.organization_key = p.organization_key
)
SELECT project_id FROM p`;
