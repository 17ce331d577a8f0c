#!/usr/bin/env node
/** The program `tally`. It ends when its command has: a connection that is being made would hold it for minutes. */
import type { Writable } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import { onSignals } from "../on-signals.js";
import { exitCodes } from "./outcome.js";
import { runProgram } from "./program.js";

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(exitCodes.unread);
});
const exitCode = await runProgram(process.argv.slice(2), {
  env: process.env,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  onInterrupt: (callback) => onSignals(["SIGINT"], exitCodes.interrupted, callback),
});
await Promise.all([process.stdout, process.stderr].map(flushed));
process.exit(exitCode);

/** Resolves when all that was written is taken, or never will be. */
async function flushed(stream: Writable): Promise<void> {
  // That nobody reads is told a turn after the write.
  await turn();
  if (stream.writableLength === 0) return;
  await new Promise((resolve) => stream.write("", resolve));
}
