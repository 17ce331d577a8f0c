/** SQL of organizations. Deleted ones are never seen. */
import { DbError } from "./errors.js";
import { microsOf } from "./micros.js";
import type { Queryable } from "./queryable.js";
import { type Actor, couldBeId } from "./tenancy-ids.js";

/** An organization that is not deleted. */
export interface StoredOrganization {
  readonly organizationId: string;
  readonly name: string;
  readonly createUs: number;
}

/**
 * The organization exists under this id, and its making is audited; or the name is taken, and nothing
 * changed. Idempotent by the id.
 */
export async function createOrganization(
  db: Queryable,
  { organizationId, name }: { organizationId: string; name: string },
  actor: Actor,
  deadlineAt: number,
): Promise<
  | { readonly outcome: "created"; readonly organization: StoredOrganization }
  | { readonly outcome: "name-taken"; readonly organizationId: string }
> {
  const params = [organizationId, name, actor.tokenId, actor.address];
  const made = await db.query<OrganizationRow>(CREATE, params, { deadlineAt });
  const [row] =
    made.length > 0
      ? made
      : await db.query<OrganizationRow>(FIND_OWN_OR_NAMESAKE, [organizationId, name], {
          deadlineAt,
        });
  // The namesake was deleted between the two statements: the name is free now.
  if (row === undefined) throw new DbError("transient", "the name changed hands", "", "");
  return row.organization_id === organizationId
    ? { outcome: "created", organization: toOrganization(row) }
    : { outcome: "name-taken", organizationId: row.organization_id };
}

/** The organization; null if there is none. */
export async function readOrganization(
  db: Queryable,
  organizationId: string,
  deadlineAt: number,
): Promise<StoredOrganization | null> {
  if (!couldBeId(organizationId)) return null;
  const [row] = await db.query<OrganizationRow>(READ, [organizationId], { deadlineAt });
  return row === undefined ? null : toOrganization(row);
}

/** Up to `limit` organizations by name, after a name. Uses organizations_name. */
export async function listOrganizations(
  db: Queryable,
  afterName: string | null,
  limit: number,
  deadlineAt: number,
): Promise<StoredOrganization[]> {
  const rows = await db.query<OrganizationRow>(LIST, [afterName ?? "", limit], { deadlineAt });
  return rows.map(toOrganization);
}

/** The organization and its projects are gone for every caller, if there were none or `force` is set. */
export async function deleteOrganization(
  db: Queryable,
  organizationId: string,
  force: boolean,
  actor: Actor,
  deadlineAt: number,
): Promise<"deleted" | "has_projects" | "not_found"> {
  if (!couldBeId(organizationId)) return "not_found";
  const params = [organizationId, force, actor.tokenId, actor.address];
  const [row] = await db.query<{ outcome: "deleted" | "has_projects" | "not_found" }>(
    "SELECT delete_organization($1, $2, $3, $4) AS outcome",
    params,
    { deadlineAt },
  );
  return row?.outcome ?? "not_found";
}

interface OrganizationRow {
  readonly organization_id: string;
  readonly name: string;
  readonly create_us: string;
}

function toOrganization(row: OrganizationRow): StoredOrganization {
  return {
    organizationId: row.organization_id,
    name: row.name,
    createUs: Number(row.create_us),
  };
}

const COLUMNS = `organization_id, name, ${microsOf("created_at")} AS create_us`;

// A conflict is either the id, of an attempt whose answer was lost, or the name.
const CREATE = `
WITH made AS (
  INSERT INTO organizations (organization_id, name)
  VALUES ($1, $2)
  ON CONFLICT DO NOTHING
  RETURNING ${COLUMNS}
),
audited AS (
  INSERT INTO audit_entries (action, actor_token_id, organization_id, subject_id, address)
  SELECT 'organization_created', $3, organization_id, organization_id, $4
  FROM made
)
SELECT organization_id, name, create_us FROM made`;

const FIND_OWN_OR_NAMESAKE = `
SELECT ${COLUMNS}
FROM organizations
WHERE organization_id = $1 OR (name = $2 AND deleted_at IS NULL)
ORDER BY organization_id = $1 DESC
LIMIT 1`;

const READ = `
SELECT ${COLUMNS}
FROM organizations
WHERE organization_id = $1 AND deleted_at IS NULL`;

// No name is empty.
const LIST = `
SELECT ${COLUMNS}
FROM organizations
WHERE name > $1 AND deleted_at IS NULL
ORDER BY name
LIMIT $2::int`;
