/**
 * Reports what Mocha runs, while it runs: `mocha --reporter tally/mocha`. Mocha loads the test files before it makes a
 * reporter: of a file that does not load it tells the reporter in parallel mode alone.
 */
import { findReporter } from "./mocha-own.js";
import { brokenRun } from "./mocha-result.js";
import { followRun } from "./mocha-run.js";
import type { MochaOptions, ReporterClass, Runner } from "./mocha-types.js";
import { quietly } from "./quietly.js";
import { useRealClock } from "./real-clock.js";
import type { ReporterOptions } from "./reporter-options.js";
import { type Reporting, startReporting } from "./reporting.js";

export interface MochaReporterOptions extends ReporterOptions {
  /** The reporter that prints: one of Mocha's own, a package, a file, or `none`; default `spec`. */
  readonly reporter?: string;
}

/** Mocha makes one for each run, also while it watches. */
export default class MochaReporter {
  readonly #printing: InstanceType<ReporterClass> | undefined;
  #reporting: Reporting | undefined;
  #failuresSeen = () => 0;

  /** In a dry run nothing runs, although all of it is told as passed. */
  constructor(runner: Runner, options: MochaOptions = {}) {
    const own: MochaReporterOptions = options.reporterOption ?? options.reporterOptions ?? {};
    if (!options.dryRun) quietly(() => this.#report(runner, own));
    const Printing = findReporter(own.reporter);
    if (Printing !== undefined)
      this.#printing = new Printing(runner, withoutReporter(options, own));
  }

  /** Mocha waits for `finish`. */
  done(failures: number, finish: (failures: number) => void): void {
    const clock = useRealClock();
    if (failures > this.#failuresSeen()) this.#reporting?.add(brokenRun());
    const print = () => {
      clock[Symbol.dispose]();
      if (this.#printing?.done === undefined) finish(failures);
      else this.#printing.done(failures, finish);
    };
    (this.#reporting?.end() ?? Promise.resolve()).then(print);
  }

  #report(runner: Runner, options: ReporterOptions): void {
    const reporting = startReporting({ producer: "tally-mocha", options });
    this.#reporting = reporting;
    this.#failuresSeen = followRun(runner, (result) => reporting.add(result));
  }
}

/** For the one that prints: it could be of this kind too. */
function withoutReporter(options: MochaOptions, own: MochaReporterOptions): MochaOptions {
  const { reporter: _, ...rest } = own;
  return { ...options, reporterOption: rest, reporterOptions: rest };
}
