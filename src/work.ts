/** `tallyd work`: workers for queued events alone, beside the servers of the same database. */
import { createCleanups } from "./cleanups.js";
import { type Config, ConfigError } from "./config.js";
import { Pool } from "./db/pool.js";
import type { Logger } from "./log.js";
import { openDatabase } from "./open-database.js";
import { startProcessWorkers } from "./process-workers.js";

export interface Work extends AsyncDisposable {
  /** What became of events so far. An event that is tried again is counted as often as it was retried. */
  readonly counts: Readonly<Record<"processed" | "retried" | "gave_up", number>>;
}

/**
 * Resolves when the workers run; the database has been brought to this version. Opens no port. Throws ConfigError
 * without a database of the operator's, or without workers. The signal gives the start up.
 */
export async function startWork(config: Config, log: Logger, signal: AbortSignal): Promise<Work> {
  checkConfig(config);
  const cleanups = createCleanups();
  const counts = { processed: 0, retried: 0, gave_up: 0 };
  try {
    const { url, directUrl } = await openDatabase(config, log, cleanups, signal);
    const workers = config.workConcurrency;
    const db = cleanups.use(new Pool({ url, prepare: config.prepare, size: workers }));
    cleanups.use(
      startProcessWorkers({
        db,
        directUrl,
        workers,
        log,
        onOutcome(outcome, count) {
          counts[outcome] += count;
        },
      }),
    );
  } catch (error) {
    await cleanups.run();
    throw error;
  }
  return { counts, [Symbol.asyncDispose]: () => cleanups.run() };
}

function checkConfig({ databaseUrl, workConcurrency }: Config): void {
  const problems: string[] = [];
  if (databaseUrl === undefined) {
    problems.push("DATABASE_URL: expected, since `tallyd work` shares the database of a server");
  }
  if (workConcurrency === 0) {
    problems.push("TALLY_WORK_CONCURRENCY=0: expected 1 to 32 by `tallyd work`");
  }
  if (problems.length > 0) throw new ConfigError(problems);
}
