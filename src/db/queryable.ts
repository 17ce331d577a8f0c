/** What the SQL files need of a connection. */

/** A value that a statement takes: arrays are passed as Postgres array literals (see `array-literal.ts`). */
export type Param = string | number | bigint | boolean | Uint8Array | Date | null;

export interface QueryOptions {
  /** When the caller stops waiting, in milliseconds since the epoch. */
  readonly deadlineAt?: number;
}

/**
 * Runs one auto-commit statement with `$1…` parameters and answers its rows. int8 columns arrive as decimal
 * strings, bytea as Buffer, timestamptz as Date (microseconds are lost: select `…::text` or epoch micros
 * where they matter). Throws DbError.
 */
export interface Queryable {
  query<Row extends object>(
    text: string,
    params?: readonly Param[],
    options?: QueryOptions,
  ): Promise<Row[]>;
}
