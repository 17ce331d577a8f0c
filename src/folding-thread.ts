/**
 * The thread that takes what is stored into the figures, see folding.ts. It has an event loop and a heap of its own:
 * what it computes and collects holds up no call.
 */
import { parentPort, workerData } from "node:worker_threads";
import { Pool } from "./db/pool.js";
import type { FoldingTask } from "./folding.js";
import { startFoldingJobs } from "./jobs/folding-jobs.js";
import { createLogger } from "./log.js";

const { connection, logLevel } = workerData as FoldingTask;
const db = new Pool({ ...connection, size: 2 });
const jobs = startFoldingJobs(db, createLogger(logLevel));

parentPort?.once("message", async () => {
  await jobs[Symbol.asyncDispose]();
  await db[Symbol.asyncDispose]();
  parentPort?.close();
});
