/**
 * The thread that takes what is stored into the figures, see folding.ts. It has an event loop and a heap of its own:
 * what it computes and collects holds up no call.
 */
import { readlinkSync } from "node:fs";
import { constants, getPriority, setPriority } from "node:os";
import { basename } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import { Pool } from "./db/pool.js";
import type { FoldingTask } from "./folding.js";
import { startFoldingJobs } from "./jobs/folding-jobs.js";
import { createLogger } from "./log.js";

/** A third of the processor time that others get who want it at the same time. */
const NICE = 5;

letCallsGoFirst();
const { connection, logLevel } = workerData as FoldingTask;
const db = new Pool({ ...connection, size: 2 });
const jobs = startFoldingJobs(db, createLogger(logLevel));

parentPort?.once("message", async () => {
  await jobs[Symbol.asyncDispose]();
  await db[Symbol.asyncDispose]();
  parentPort?.close();
});

/** Linux alone has priorities of threads. */
function letCallsGoFirst(): void {
  if (process.platform !== "linux") return;
  try {
    const thread = Number(basename(readlinkSync("/proc/thread-self")));
    setPriority(thread, Math.min(getPriority(thread) + NICE, constants.priority.PRIORITY_LOW));
  } catch {
    // Where /proc is hidden, calls wait a little longer.
  }
}
