/** What the database can do at best with one row a statement: committed, or already there. */
import { Connection } from "../../src/db/client.js";
import { inFlight, secondsOf } from "../figure.js";

/**
 * Statements a second over so many connections; the rows go into a table shaped like that of the results. What each
 * took, in milliseconds, goes into `latencies`.
 */
export async function measureSingleRows(
  databaseUrl: string,
  count: number,
  atATime: number,
  row: "new" | "known",
  latencies: number[] = [],
): Promise<number> {
  await using rows = await openSingleRows(databaseUrl, atATime);
  const seconds = await secondsOf(() =>
    inFlight(count, atATime, async (i) => {
      const startedAt = performance.now();
      await rows.insert(row === "new" ? i + 1 : 0);
      latencies.push(performance.now() - startedAt);
    }),
  );
  return count / seconds;
}

/** A table of its own, which goes away with it, and connections to it. */
export interface SingleRows extends AsyncDisposable {
  /** Commits a row of this key, if there is none yet; row 0 is there. At most one call a connection at a time. */
  insert(testKey: number): Promise<unknown>;
}

/** Opens the connections, and prepares the statement on each. */
export async function openSingleRows(databaseUrl: string, atATime: number): Promise<SingleRows> {
  const connections = Array.from(
    { length: atATime },
    () => new Connection({ url: databaseUrl, prepare: true }),
  );
  const [first] = connections;
  if (first === undefined) throw new Error("there is no connection");
  const insertBy = (connection: Connection, testKey: number) =>
    connection.query(INSERT, [testKey, "~0123456789abcdef.1.0"]);
  await first.run("CREATE TABLE single_rows (LIKE results INCLUDING ALL)");
  for (const connection of connections) await insertBy(connection, 0);
  const free = [...connections];
  return {
    async insert(testKey) {
      const connection = free.pop() ?? first;
      await insertBy(connection, testKey);
      free.push(connection);
    },
    async [Symbol.asyncDispose]() {
      await first.run("DROP TABLE single_rows");
      for (const connection of connections) await connection[Symbol.asyncDispose]();
    },
  };
}

const INSERT = `
  INSERT INTO single_rows (
    project_key, run_key, test_key, batch_key, duration_us, start_time, run_day, status, attempt,
    result_id
  )
  VALUES (1, 1, $1, 1, 12000, now(), current_date, 1, 1, $2)
  ON CONFLICT DO NOTHING`;
