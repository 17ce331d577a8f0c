/** What went wrong in the database, as the code above needs to know it. */

/**
 * - `transient`: the connection or the server failed, or the statement lost a race (40001, 40P01): the same
 *   statement may be sent again.
 * - `poison`: a value cannot be stored (class 22, 54, and 23 other than the two below).
 * - `unique`: a unique key is taken (23505); `constraint` names it.
 * - `check`: a CHECK failed (23514); `constraint` names it, empty when no partition takes the row.
 * - `timeout`: the deadline passed, or a slot did not come free in time.
 * - `bug`: anything else; a statement of ours is wrong.
 */
export type DbErrorKind = "transient" | "poison" | "unique" | "check" | "timeout" | "bug";

export class DbError extends Error {
  override readonly name = "DbError";
  constructor(
    readonly kind: DbErrorKind,
    message: string,
    readonly sqlState: string,
    readonly constraint: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** A value cannot be stored: class 22 and 54, 23, and a CHECK that has a name. */
export function isPoison(error: unknown): error is DbError {
  if (!(error instanceof DbError)) return false;
  return error.kind === "poison" || (error.kind === "check" && error.constraint !== "");
}
