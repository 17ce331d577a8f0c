/** What folding results costs, and how fast one job folds. */
import { readFile } from "node:fs/promises";
import { Connection } from "../../src/db/client.js";
import { migrate } from "../../src/db/migrate.js";
import { foldResults } from "../../src/jobs/fold-results.js";
import { createLogger } from "../../src/log.js";
import { type Figure, secondsOf } from "../figure.js";
import { fillRuns } from "../limits/fill-results.js";

const SPREAD = { tests: 10_000, resultsPerBatch: 5_000 };
/** Of a database of its own, which no server folds. */
const PROJECT = "1";
/** As Linux counts the processor time of a process. */
const TICKS_PER_SECOND = 100;

/** `fold.results`: results a second that one job folds; `fold.results.cpu`: its processor time, and Postgres's. */
export const foldResultsFigure: Figure = {
  name: "fold.results",
  description: "results a second that one job takes into the figures, and what each costs",
  async measure(server, isSmoke) {
    const runs = isSmoke ? 1 : 30;
    const databaseUrl = await createDatabase(server.databaseUrl);
    await using connection = new Connection({ url: databaseUrl, prepare: true });
    const log = createLogger("warn");
    const job = foldResults({ db: connection, log, now: Date.now, random: Math.random });
    // The first runs warm up, and fill the days and windows of the tests.
    await fillRuns(connection, PROJECT, 0, runs, SPREAD);
    await job.runOnce();
    await fillRuns(connection, PROJECT, runs, runs, SPREAD);
    const before = await cpuSeconds(connection);
    const seconds = await secondsOf(() => job.runOnce());
    const after = await cpuSeconds(connection);
    const results = runs * SPREAD.tests;
    const spent = (who: "node" | "postgres") => ((after[who] - before[who]) / results) * 1e6;
    const of = `${results} results of ${SPREAD.tests} tests, as many folded before, 2 % failing`;
    return [
      {
        name: "fold.results",
        value: results / seconds,
        unit: "results/s",
        limit: null,
        conditions: `${of}, one job`,
      },
      {
        name: "fold.results.cpu",
        value: spent("node") + spent("postgres"),
        unit: "µs",
        limit: null,
        conditions: `a result: ${spent("node").toFixed(1)} of the job, ${spent("postgres").toFixed(1)} of its backend; ${of}`,
      },
    ];
  },
};

/** A database beside the server's, with the schema and a project. */
async function createDatabase(serverUrl: string): Promise<string> {
  await using admin = new Connection({ url: serverUrl, prepare: false });
  await admin.run("CREATE DATABASE fold");
  const url = new URL(serverUrl);
  url.pathname = "/fold";
  await using connection = new Connection({ url: url.href, prepare: false });
  await migrate({ connection });
  await connection.run(`
    INSERT INTO organizations (organization_id, name) VALUES ('org', 'bench');
    INSERT INTO projects (project_id, organization_key, name)
    SELECT 'project', organization_key, 'bench' FROM organizations`);
  return url.href;
}

/** Of this process and of the connection's backend; the latter is 0 where /proc does not tell. */
async function cpuSeconds(connection: Connection): Promise<{ node: number; postgres: number }> {
  const { user, system } = process.cpuUsage();
  const [row] = await connection.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
  const stat = await readFile(`/proc/${row?.pid}/stat`, "utf8").catch(() => "");
  // Behind the name in parentheses: utime and stime are fields 14 and 15 of all.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
  return { node: (user + system) / 1e6, postgres: ticks / TICKS_PER_SECOND };
}
