/** Keeps a thread at work that takes what is stored into the figures. */
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import type { Logger } from "./log.js";

/** What the thread is told. */
export interface FoldingTask {
  readonly connection: { readonly url: string; readonly prepare: boolean };
  readonly logLevel: string;
}

/** A thread that ends by itself has met a bug or had no memory: what it had not written, the next one folds. */
const RESTART_MS = 1_000;
/**
 * Of the thread's heap, for what is new in it: left to itself it is 48. A server that stored 1,050,000 results came to 472 and
 * 458 MiB so, to 374 and 371 with this, and was left with 365 and 366, or 295 and 323; it took 27 s of processor time either
 * way.
 */
const YOUNG_MB = 12;
/** Longer than a statement that goes on when the server stops. */
const STOP_MS = 5_000;

/** Runs until the answer is disposed, which waits for the statement under way. */
export function startFolding(task: FoldingTask, log: Logger): AsyncDisposable {
  const stopping = new AbortController();
  let thread = start();
  const running = keepRunning();

  function start(): Worker {
    return new Worker(new URL("./folding-thread.js", import.meta.url), {
      workerData: task,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
    });
  }

  async function keepRunning(): Promise<void> {
    for (;;) {
      const error: unknown = await endOf(thread);
      if (stopping.signal.aborted) return;
      log.error({ event: "folding_ended", err: error });
      await sleep(RESTART_MS, undefined, { signal: stopping.signal }).catch(() => {});
      if (stopping.signal.aborted) return;
      thread = start();
    }
  }

  return {
    async [Symbol.asyncDispose]() {
      stopping.abort();
      thread.postMessage("stop");
      const tooLong = setTimeout(() => thread.terminate(), STOP_MS);
      await running;
      clearTimeout(tooLong);
    },
  };
}

/** Resolves when the thread has ended, with the error that it died of. */
async function endOf(thread: Worker): Promise<unknown> {
  let error: unknown;
  thread.on("error", (cause) => {
    error = cause;
  });
  const code = await new Promise((resolve) => thread.on("exit", resolve));
  return error ?? new Error(`the thread ended with code ${code}`);
}
