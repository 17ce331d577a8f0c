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
  const connections = Array.from(
    { length: atATime },
    () => new Connection({ url: databaseUrl, prepare: true }),
  );
  const [first] = connections;
  if (first === undefined) throw new Error("there is no connection");
  const insert = (connection: Connection, testKey: number) =>
    connection.query(INSERT, [testKey, "~0123456789abcdef.1.0"]);
  try {
    await first.run("CREATE TABLE single_rows (LIKE results INCLUDING ALL)");
    for (const connection of connections) await insert(connection, 0);
    const free = [...connections];
    const seconds = await secondsOf(() =>
      inFlight(count, atATime, async (i) => {
        const connection = free.pop() ?? first;
        const startedAt = performance.now();
        await insert(connection, row === "new" ? i + 1 : 0);
        latencies.push(performance.now() - startedAt);
        free.push(connection);
      }),
    );
    await first.run("DROP TABLE single_rows");
    return count / seconds;
  } finally {
    for (const connection of connections) await connection[Symbol.asyncDispose]();
  }
}

const INSERT = `
  INSERT INTO single_rows (
    project_key, run_key, test_key, batch_key, duration_us, start_time, run_day, status, attempt,
    result_id
  )
  VALUES (1, 1, $1, 1, 12000, now(), current_date, 1, 1, $2)
  ON CONFLICT DO NOTHING`;
