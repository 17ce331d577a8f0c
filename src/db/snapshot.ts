/** Reads as much as there is as of one moment, in bounded memory: cursors of one transaction. */
import { Connection } from "./client.js";

/** The database as it was when the snapshot was taken. */
export interface Snapshot {
  /** The rows of a query without parameters, a page at a time. Fails where the transaction has been lost. */
  rows<Row extends object>(query: string): AsyncGenerator<Row>;
}

const ROWS_PER_FETCH = 5_000;
/** Sorting millions of rows takes its time. */
const STATEMENT_MINUTES = 30;

/** Works with a snapshot of the database, on a connection of its own. */
export async function withSnapshot<T>(
  url: string,
  work: (snapshot: Snapshot) => Promise<T>,
): Promise<T> {
  await using connection = new Connection({
    url,
    prepare: false,
    statementTimeoutMs: STATEMENT_MINUTES * 60_000,
  });
  await connection.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  await connection.run(`SET LOCAL statement_timeout = '${STATEMENT_MINUTES}min'`);
  let cursors = 0;
  const result = await work({
    async *rows<Row extends object>(query: string) {
      const cursor = `rows_${++cursors}`;
      await connection.run(`DECLARE ${cursor} NO SCROLL CURSOR FOR ${query}`);
      for (;;) {
        const page = await connection.query<Row>(`FETCH ${ROWS_PER_FETCH} FROM ${cursor}`);
        yield* page;
        if (page.length < ROWS_PER_FETCH) break;
      }
      await connection.run(`CLOSE ${cursor}`);
    },
  });
  await connection.run("COMMIT");
  return result;
}
