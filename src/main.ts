#!/usr/bin/env node
/** The server's command line: `tallyd serve`, `tallyd work`, `tallyd migrate` and `tallyd recount`. */
import { Command } from "commander";
import { startTally } from "./app.js";
import { type Config, loadConfig } from "./config.js";
import { boundHeapGrowth } from "./heap-growth.js";
import { createLogger, type Logger } from "./log.js";
import { onSignals } from "./on-signals.js";
import { DATABASE_GONE, migrateDatabase } from "./open-database.js";
import { recount } from "./recount.js";
import { readVersion } from "./version.js";
import { startWork } from "./work.js";

boundHeapGrowth();

/** As shells name a process that Ctrl-C ended. */
const EXIT_INTERRUPTED = 130;

const program = new Command("tallyd")
  .description("Tally, a self-hosted test-analytics service. Settings come from the environment.")
  .version(readVersion());
program
  .command("serve")
  .description("serve every protocol on one port, until SIGINT or SIGTERM; without a command, too")
  .action(() => run(serve));
program
  .command("work")
  .description("process queued events beside the servers of DATABASE_URL, until SIGINT or SIGTERM")
  .action(() => run(work));
program
  .command("migrate")
  .description("bring the database to this version, and exit")
  .action(() => run(migrateOnly));
program
  .command("recount")
  .description(
    "compare every figure in DATABASE_URL with a recount of the rows; exit 1 if one differs",
  )
  .option("--project <id>", "only of this project")
  .option("--json", "a JSON object a line")
  .action((options: RecountFlags) => run((config) => recountFigures(config, options)));
// Commander's own default command would take an unknown one for an argument.
await program.parseAsync(process.argv.length > 2 ? process.argv : [...process.argv, "serve"]);

async function serve(config: Config): Promise<void> {
  const log = openLog(config);
  const { interrupted, signal } = waitForSignal();
  const start = startTally(config, log, {
    signal,
    onAdminToken(token, file) {
      console.log(`Admin token, shown this once: ${token}`);
      if (file !== null) console.log(`It is kept in ${file}`);
    },
  });
  const tally = await unlessGivenUp(start, signal, log);
  console.log(`Tally ${tally.version} listens on ${tally.url}`);
  if (tally.signInCode !== null) {
    // Browsers do not open the address that stands for all of a machine's.
    const url = tally.url.replace(/\/\/(?:0\.0\.0\.0|\[::\])(?=:)/, "//localhost");
    const link = `${url}/#code=${tally.signInCode}`;
    console.log(`Open the dashboard, signed in: ${link} (once, within 10 minutes)`);
  }
  const reason = await Promise.race([interrupted, tally.databaseGone]);
  log.info({ event: "stopping" }, reason);
  await tally[Symbol.asyncDispose]();
  log.info({ event: "stopped" });
  process.exit(reason === DATABASE_GONE ? 1 : 0);
}

async function work(config: Config): Promise<void> {
  const log = openLog(config);
  const { interrupted, signal } = waitForSignal();
  const work = await unlessGivenUp(startWork(config, log, signal), signal, log);
  console.log(`Tally ${readVersion()} processes queued events`);
  const reason = await interrupted;
  log.info({ event: "stopping" }, reason);
  await work[Symbol.asyncDispose]();
  log.info({ event: "stopped", ...work.counts });
  process.exit(0);
}

async function migrateOnly(config: Config): Promise<void> {
  const log = createLogger(config.logLevel);
  const applied = await migrateDatabase(config, log);
  console.log(applied.length === 0 ? "nothing to do" : `applied ${applied.join(", ")}`);
}

interface RecountFlags {
  readonly project?: string;
  readonly json?: true;
}

async function recountFigures(config: Config, { project, json }: RecountFlags): Promise<void> {
  const summary = await recount(config, {
    ...(project === undefined ? {} : { projectId: project }),
    onDifference(difference) {
      const { projectId, figure, key, stored, recounted } = difference;
      const line = `${projectId}: ${figure} of ${key} is ${stored}, a recount says ${recounted}`;
      console.log(json ? JSON.stringify(difference) : line);
    },
  });
  const { compared, differences } = summary;
  const line = `${compared} figures compared, ${differences === 0 ? "no" : differences} differences`;
  console.log(json ? JSON.stringify(summary) : line);
  process.exit(differences === 0 ? 0 : 1);
}

function openLog(config: Config): Logger {
  const log = createLogger(config.logLevel);
  for (const warning of config.warnings) log.warn({ event: "config_warning" }, warning);
  return log;
}

interface Interruption {
  /** Resolves with the name of the first SIGINT or SIGTERM; a later one ends the process at once. */
  readonly interrupted: Promise<string>;
  /** Aborted by the first one. */
  readonly signal: AbortSignal;
}

function waitForSignal(): Interruption {
  const abort = new AbortController();
  const interrupted = new Promise<string>((resolve) => {
    onSignals(["SIGINT", "SIGTERM"], EXIT_INTERRUPTED, (name) => {
      abort.abort(new Error(name));
      resolve(name);
    });
  });
  return { interrupted, signal: abort.signal };
}

/** What was started. Where the signal gave the start up, whose failure that is then, the process ends as by a stop. */
async function unlessGivenUp<T>(start: Promise<T>, signal: AbortSignal, log: Logger): Promise<T> {
  try {
    return await start;
  } catch (error) {
    if (!signal.aborted) throw error;
    log.info({ event: "stopped" }, "before it had started");
    process.exit(0);
  }
}

async function run(action: (config: Config) => Promise<void>): Promise<void> {
  try {
    await action(loadConfig(process.env));
  } catch (error) {
    console.error(`tallyd: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(1);
  }
}
