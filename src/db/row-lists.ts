/**
 * Lists of rows as parameters of a statement: an array for each column, put together again by unnest. The columns,
 * their types and their values are said once.
 */
import { textArray } from "./array-literal.js";
import { createArrayWriter } from "./array-writer.js";

/** One column of a list: the type of its values, and the array literal of those of the rows. */
export interface ListColumn<Row> {
  readonly name: string;
  readonly type: string;
  readonly literal: (rows: readonly Row[]) => string;
}

/** Numbers, booleans and decimal texts: no value is quoted, so none may need it. */
export function plain<Row>(
  name: string,
  type: string,
  of: (row: Row) => number | string | boolean | null,
): ListColumn<Row> {
  const literal = (rows: readonly Row[]) => {
    if (rows.length === 0) return "{}";
    const writer = createArrayWriter();
    for (const row of rows) writer.plain(of(row));
    return writer.end();
  };
  return { name, type, literal };
}

/** Texts. */
export function text<Row>(name: string, of: (row: Row) => string | null): ListColumn<Row> {
  return { name, type: "text", literal: (rows) => textArray(rows.map(of)) };
}

/** Bytes. */
export function bytes<Row>(name: string, of: (row: Row) => Uint8Array): ListColumn<Row> {
  const literal = (rows: readonly Row[]) => {
    if (rows.length === 0) return "{}";
    const writer = createArrayWriter();
    for (const row of rows) writer.bytes(of(row));
    return writer.end();
  };
  return { name, type: "bytea", literal };
}

/** A part of a statement that works with a list of rows. */
export interface Clause<Source> {
  /** How many parameters it takes. */
  readonly size: number;
  /** With parameters from `$first` on. */
  text(first: number): string;
  /** The parameters. */
  literals(source: Source): Iterable<string>;
}

/** A clause over rows of the source; `textOf` gets them as what stands in FROM. */
export function clause<Source, Row>(
  rowsOf: (source: Source) => readonly Row[],
  columns: readonly ListColumn<Row>[],
  textOf: (rows: string) => string,
): Clause<Source> {
  const names = columns.map(({ name }) => name).join(", ");
  return {
    size: columns.length,
    text(first) {
      const arrays = columns.map(({ type }, i) => `$${first + i}::${type}[]`);
      return textOf(`unnest(${arrays.join(", ")}) AS d(${names})`);
    },
    *literals(source) {
      const rows = rowsOf(source);
      for (const { literal } of columns) yield literal(rows);
    },
  };
}
