/** The version of the folded figures of a project, and the day that the database has. */
import type { Queryable, QueryOptions } from "./queryable.js";

/** Of a project's folded figures. */
export interface FoldVersion {
  readonly version: string;
  /** The UTC day by the database's clock, counted from 1970-01-01. */
  readonly today: number;
}

/** The version of a project's folded figures, which each step of folding raises; null before the first one. */
export async function readFoldVersion(
  db: Queryable,
  projectKey: string,
  options: QueryOptions = {},
): Promise<FoldVersion | null> {
  const [row] = await db.query<FoldVersion>(VERSION, [projectKey], options);
  return row ?? null;
}

/** The same, with a first version for a project that has none; null if the project is gone. */
export async function ensureFoldVersion(
  db: Queryable,
  projectKey: string,
): Promise<FoldVersion | null> {
  const read = await readFoldVersion(db, projectKey);
  if (read !== null) return read;
  await db.query(FIRST_VERSION, [projectKey]);
  return readFoldVersion(db, projectKey);
}

/** The UTC day by the database's clock, counted from 1970-01-01. */
export async function readToday(db: Queryable): Promise<number> {
  const [row] = await db.query<{ today: number }>(`SELECT ${TODAY} AS today`);
  if (row === undefined) throw new Error("the statement answers one row");
  return row.today;
}

const TODAY = "(now() AT TIME ZONE 'UTC')::date - DATE '1970-01-01'";

const VERSION = `
SELECT version, ${TODAY} AS today
FROM fold_states
WHERE project_key = $1`;

// A deleted project gets none, so that nothing is folded of it once it is purged.
const FIRST_VERSION = `
INSERT INTO fold_states (project_key)
SELECT p.project_key
FROM projects p
JOIN organizations o ON o.organization_key = p.organization_key
WHERE p.project_key = $1 AND p.deleted_at IS NULL AND o.deleted_at IS NULL
ON CONFLICT DO NOTHING`;
