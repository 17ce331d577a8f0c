/** What the database can do at best with the raw bytes of stored events: COPY under their ids. */
import { Connection } from "../../src/db/client.js";
import { secondsOf } from "../figure.js";

/** Rows a second of a COPY by two connections, into a table with the primary key of the events. */
export async function measureRawCopy(
  databaseUrl: string,
  projectId: string,
  rows: number,
): Promise<number> {
  await using first = new Connection({ url: databaseUrl, prepare: false });
  await using second = new Connection({ url: databaseUrl, prepare: false });
  const [folder] = await first.query<{ path: string }>(
    "SELECT current_setting('data_directory') AS path",
  );
  const file = (half: number) => `'${folder?.path}/bench-events-${half}'`;
  await first.run(`
    CREATE TABLE raw_events (
      project_key bigint, event_id bytea, received_at timestamptz, raw bytea, PRIMARY KEY (project_key, event_id)
    )`);
  for (const half of [0, 1]) {
    await first.run(`
      COPY (
        SELECT e.project_key, e.event_id, e.received_at, e.raw
        FROM events e JOIN projects p USING (project_key)
        WHERE p.project_id = '${projectId}' AND get_byte(e.event_id, 15) % 2 = ${half}
        ORDER BY e.received_at
        LIMIT ${Math.floor(rows / 2)}
      ) TO ${file(half)}`);
  }
  const seconds = await secondsOf(() =>
    Promise.all([
      first.run(`COPY raw_events FROM ${file(0)}`),
      second.run(`COPY raw_events FROM ${file(1)}`),
    ]),
  );
  const [stored] = await first.query<{ n: string }>("SELECT count(*) AS n FROM raw_events");
  await first.run("DROP TABLE raw_events");
  return Number(stored?.n ?? 0) / seconds;
}
