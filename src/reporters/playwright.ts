/**
 * The reporter of Playwright Test: `reporter: [["list"], ["tally/playwright", { … }]]` in its config. The options are
 * those of all reporters.
 */
import { dirname } from "node:path";
import type {
  FullConfig,
  Reporter,
  Suite,
  TestCase,
  TestError,
  TestResult,
  WorkerInfo,
} from "@playwright/test/reporter";
import { createPlaywrightResults, type PlaywrightResults } from "./playwright-results.js";
import type { ReporterOptions } from "./reporter-options.js";
import { type Reporting, startReporting } from "./reporting.js";

export default class PlaywrightReporter implements Reporter {
  readonly #options: PlaywrightOptions;
  #run: { readonly suite: Suite; readonly results: PlaywrightResults } | undefined;
  #reporting: Reporting | undefined;
  readonly #ended = new Set<TestResult>();
  #isEnding = false;

  constructor(options: PlaywrightOptions = {}) {
    this.#options = options;
  }

  /** So that Playwright prints as if this reporter were not there. */
  printsToStdio(): boolean {
    return false;
  }

  onBegin(config: FullConfig, suite: Suite): void {
    this.#guard(() => {
      // `--list` runs nothing.
      if (this.#options._mode === "list") return;
      const shard = config.shard ?? undefined;
      // rootDir is where the tests are, which may be any folder of the project.
      const folder = config.configFile === undefined ? config.rootDir : dirname(config.configFile);
      this.#run = { suite, results: createPlaywrightResults(folder, suite) };
      this.#reporting = startReporting({
        producer: "tally-playwright",
        options: this.#options,
        shard: shard && { index: shard.current, total: shard.total },
      });
    });
  }

  /** Called for each attempt; where the time of the whole run is up, also after its end, which tells of it already. */
  onTestEnd(test: TestCase, result: TestResult): void {
    this.#guard(() => {
      if (this.#run === undefined || this.#isEnding) return;
      this.#ended.add(result);
      this.#reporting?.add(this.#run.results.ofAttempt(test, result));
    });
  }

  /** Called for what goes wrong outside of tests; what comes before the beginning, Playwright tells after it. */
  onError(error: TestError, worker?: WorkerInfo): void {
    this.#guard(() => {
      if (this.#run !== undefined) this.#reporting?.add(this.#run.results.ofError(error, worker));
    });
  }

  async onEnd(): Promise<void> {
    this.#guard(() => {
      for (const test of this.#run?.suite.allTests() ?? []) this.#addIfUnended(test);
    });
    this.#isEnding = true;
    await this.#reporting?.end();
  }

  #addIfUnended(test: TestCase): void {
    this.#guard(() => {
      const results = this.#run?.results;
      const last = test.results.at(-1);
      if (results === undefined || (last !== undefined && this.#ended.has(last))) return;
      this.#reporting?.add(
        last === undefined ? results.ofUnrun(test) : results.ofUnended(test, last),
      );
    });
  }

  /** A surprise costs one result: Playwright would print what is thrown here, and fail the run. */
  #guard(step: () => void): void {
    try {
      step();
    } catch {
      // This result is missing, and the build goes on.
    }
  }
}

/** The mode is Playwright's own addition. */
type PlaywrightOptions = ReporterOptions & { readonly _mode?: string };
