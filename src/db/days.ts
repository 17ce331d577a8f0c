/** UTC days by the database's clock: retention counts whole ones. */

/** SQL of the UTC day that it is. */
export const TODAY = "(now() AT TIME ZONE 'UTC')::date";

/** SQL of the first moment of a day. */
export function startOf(day: string): string {
  return `(${day})::timestamp AT TIME ZONE 'UTC'`;
}
