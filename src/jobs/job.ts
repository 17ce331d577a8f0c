/** Background work: each job does what is due in one call, again and again, on any number of servers. */
import { setMaxListeners } from "node:events";
import type { Logger } from "../log.js";

export interface Job {
  readonly name: string;
  /** Milliseconds from the start of one round to that of the next, which waits for the end of a longer one. */
  readonly everyMs: number;
  /** Does what is due now. Safe to run on several servers at once, and to be killed at any point. */
  runOnce(): Promise<void>;
}

/** Longest wait of a stop for rounds under way: a large deletion takes minutes, and goes on at the next start. */
const STOP_MS = 5_000;

/**
 * Runs the jobs until the answer is disposed, which waits for rounds under way, but not for long: one that goes on ends
 * with its connections. A failed round is logged.
 */
export function startJobs(jobs: readonly Job[], log: Logger): AsyncDisposable {
  const stopped = new AbortController();
  // One a job is no leak.
  setMaxListeners(jobs.length, stopped.signal);
  const loops = jobs.map((job) => loop(job, log, stopped.signal));
  return {
    async [Symbol.asyncDispose]() {
      stopped.abort();
      const ended = new AbortController();
      const rounds = Promise.all(loops).finally(() => ended.abort());
      await Promise.race([rounds, pause(STOP_MS, ended.signal)]);
    },
  };
}

async function loop(job: Job, log: Logger, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const startedAt = performance.now();
    try {
      await job.runOnce();
    } catch (error) {
      if (!signal.aborted) log.warn({ event: "job_failed", job: job.name, err: error });
    }
    await pause(startedAt + job.everyMs - performance.now(), signal);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}
