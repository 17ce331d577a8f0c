/**
 * What the database can do at best with the rows that a figure has stored: the same rows, in the same order, into
 * the same table, under another project.
 */
import { byteaArray, plainArray, textArray } from "../../src/db/array-literal.js";
import { Connection } from "../../src/db/client.js";
import { inFlight, secondsOf } from "../figure.js";

/** Rows a second. */
export interface RowLimits {
  readonly copy: number;
  readonly insert: number;
}

const COLUMNS = `project_key, run_key, test_key, batch_key, duration_us, start_time, run_day, status, attempt,
  result_id, failure_message, details`;
/** As many as the server has lanes. */
const CONNECTIONS = 2;
const ROWS_PER_STATEMENT = 5_000;

/** Stores the rows of a project again, under two projects that do not exist, and takes them away. */
export async function measureRowLimits(databaseUrl: string, projectId: string): Promise<RowLimits> {
  const connections = Array.from(
    { length: CONNECTIONS },
    () => new Connection({ url: databaseUrl, prepare: true }),
  );
  const [first] = connections;
  if (first === undefined) throw new Error("there is no connection");
  try {
    const [project] = await first.query<{ project_key: string; rows: number }>(PROJECT, [
      projectId,
    ]);
    const { project_key: projectKey = "", rows = 0 } = project ?? {};
    const copy = rows / (await copyAgain(connections, projectKey));
    const insert = rows / (await insertAgain(connections, projectKey));
    await first.query(
      `DELETE FROM results WHERE project_key IN (${COPY_PROJECT}, ${INSERT_PROJECT})`,
    );
    return { copy, insert };
  } finally {
    for (const connection of connections) await connection[Symbol.asyncDispose]();
  }
}

const PROJECT = `
  SELECT project_key, (SELECT count(*)::int FROM results r WHERE r.project_key = p.project_key) AS rows
  FROM projects p
  WHERE project_id = $1`;
/** Projects draw their keys from 1. */
const COPY_PROJECT = "9000000000000000001";
const INSERT_PROJECT = "9000000000000000002";

/** Seconds of a COPY by each connection, of a run each, from files that the database wrote. */
async function copyAgain(connections: readonly Connection[], projectKey: string): Promise<number> {
  const [first] = connections;
  if (first === undefined) return 0;
  const columns = COLUMNS.replace("project_key", COPY_PROJECT);
  const runs = await first.query<{ run_key: string; file: string }>(RUN_FILES, [projectKey]);
  for (const { run_key, file } of runs) {
    const rows = `SELECT ${columns} FROM results WHERE project_key = ${projectKey} AND run_key = ${run_key}`;
    await first.run(`COPY (${rows} ORDER BY ctid) TO '${file}'`);
  }
  return secondsOf(() =>
    Promise.all(
      runs.map(({ file }, i) =>
        (connections[i] ?? first).run(`COPY results (${COLUMNS}) FROM '${file}'`),
      ),
    ),
  );
}

const RUN_FILES = `
  SELECT run_key, current_setting('data_directory') || '/bench-' || row_number() OVER () AS file
  FROM runs
  WHERE project_key = $1`;

/** Seconds of the bare insert, without attribution and ledger, by two connections. */
async function insertAgain(
  connections: readonly Connection[],
  projectKey: string,
): Promise<number> {
  const [first] = connections;
  if (first === undefined) return 0;
  const statements = await readStatements(first, projectKey);
  const free = [...connections];
  return secondsOf(() =>
    inFlight(statements.length, CONNECTIONS, async (i) => {
      const connection = free.pop() ?? first;
      await connection.query(INSERT, [INSERT_PROJECT, ...(statements[i] ?? [])]);
      free.push(connection);
    }),
  );
}

interface StoredRow {
  readonly run_key: string;
  readonly test_key: string;
  readonly batch_key: string;
  readonly duration_us: string | null;
  readonly start_us: string | null;
  readonly run_day: string;
  readonly status: number;
  readonly attempt: number;
  readonly result_id: string;
  readonly failure_message: string | null;
  readonly details: Uint8Array | null;
}

/** The parameters of each statement, in the order in which the rows were stored. */
async function readStatements(connection: Connection, projectKey: string): Promise<string[][]> {
  const statements: string[][] = [];
  await connection.run(`DECLARE stored CURSOR WITH HOLD FOR ${SELECT.replace("$1", projectKey)}`);
  for (;;) {
    const rows = await connection.query<StoredRow>(`FETCH ${ROWS_PER_STATEMENT} FROM stored`);
    if (rows.length === 0) break;
    statements.push([
      plainArray(rows.map((r) => r.run_key)),
      plainArray(rows.map((r) => r.test_key)),
      plainArray(rows.map((r) => r.batch_key)),
      plainArray(rows.map((r) => r.duration_us)),
      plainArray(rows.map((r) => r.start_us)),
      plainArray(rows.map((r) => r.run_day)),
      plainArray(rows.map((r) => r.status)),
      plainArray(rows.map((r) => r.attempt)),
      textArray(rows.map((r) => r.result_id)),
      textArray(rows.map((r) => r.failure_message)),
      byteaArray(rows.map((r) => r.details)),
    ]);
  }
  await connection.run("CLOSE stored");
  return statements;
}

const SELECT = `
  SELECT
    run_key, test_key, batch_key, duration_us,
    (extract(epoch FROM start_time) * 1000000)::bigint AS start_us, run_day::text AS run_day,
    status, attempt, result_id, failure_message, details
  FROM results
  WHERE project_key = $1
  ORDER BY ctid`;

const INSERT = `
  INSERT INTO results (${COLUMNS})
  SELECT
    $1::bigint, run_key, test_key, batch_key, duration_us,
    timestamptz 'epoch' + start_us * interval '1 microsecond', run_day, status, attempt, result_id,
    failure_message, details
  FROM unnest(
    $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::date[], $8::smallint[],
    $9::smallint[], $10::text[], $11::text[], $12::bytea[]
  ) WITH ORDINALITY AS s(
    run_key, test_key, batch_key, duration_us, start_us, run_day, status, attempt, result_id,
    failure_message, details, ord
  )
  ORDER BY run_day, run_key, test_key, result_id, ord
  ON CONFLICT DO NOTHING`;
