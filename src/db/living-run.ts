/** What takes results, refusals and facts. Conditions in a statement whose first parameter is the project. */

/** The project is not deleted. */
export const PROJECT_LIVES =
  "EXISTS (SELECT FROM projects p WHERE p.project_key = $1 AND p.deleted_at IS NULL)";

/** Of the columns of runs: neither the run nor its project is deleted, and it is not expired. */
export const RUN_LIVES = `deleted_at IS NULL AND expired_at IS NULL AND ${PROJECT_LIVES}`;
