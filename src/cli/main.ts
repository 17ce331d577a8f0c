#!/usr/bin/env node
/** The program `tally`. */
import { runProgram } from "./program.js";

process.exitCode = await runProgram(process.argv.slice(2), {
  env: process.env,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
});
