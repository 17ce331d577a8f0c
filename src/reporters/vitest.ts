/**
 * Reports what Vitest runs, while it runs. Tested with Vitest 4.1; with 5.1 it was tried once, and compiles.
 *
 * Vitest tells of a test once, after its retries, and not which attempt an error belongs to: see vitest-results.ts for
 * what becomes of that.
 */
import type { Reporter, Vitest } from "vitest/node";
import type { ReporterOptions } from "./reporter-options.js";
import { startVitestRun, type VitestRun } from "./vitest-run.js";

type Given<Hook extends keyof Reporter> = Parameters<NonNullable<Reporter[Hook]>>;

/** A reporter for `reporters` of a Vitest config. In watch mode every run is a run of its own. */
export default class TallyReporter implements Reporter {
  readonly #options: ReporterOptions;
  #vitest: Vitest | undefined;
  #run: VitestRun | undefined;
  #runCount = 0;

  constructor(options: ReporterOptions = {}) {
    this.#options = options ?? {};
  }

  onInit(vitest: Vitest): void {
    this.#vitest = vitest;
  }

  onTestRunStart(): void {
    this.#take(() => {});
  }

  onHookStart(...[hook]: Given<"onHookStart">): void {
    this.#take((run) => run.hookStarted(hook));
  }

  onHookEnd(...[hook]: Given<"onHookEnd">): void {
    this.#take((run) => run.hookEnded(hook));
  }

  onUserConsoleLog(...[log]: Given<"onUserConsoleLog">): void {
    this.#take((run) => run.logged(log));
  }

  onTestCaseResult(...[test]: Given<"onTestCaseResult">): void {
    this.#take((run) => run.testEnded(test));
  }

  onTestSuiteResult(...[suite]: Given<"onTestSuiteResult">): void {
    this.#take((run) => run.suiteEnded(suite));
  }

  onTestModuleEnd(...[module]: Given<"onTestModuleEnd">): void {
    this.#take((run) => run.moduleEnded(module));
  }

  async onTestRunEnd(...[modules, errors, reason]: Given<"onTestRunEnd">): Promise<void> {
    for (const module of listOf(modules)) this.#take((run) => run.leftOut(module, reason));
    // Where they are ignored, they fail no run.
    const isIgnored = this.#vitest?.config?.dangerouslyIgnoreUnhandledErrors === true;
    for (const error of isIgnored ? [] : listOf(errors)) this.#take((run) => run.failed(error));
    const run = this.#run;
    this.#run = undefined;
    await run?.close();
  }

  /** Whatever Vitest passes, the worst is that this one piece of it is not reported. */
  #take(work: (run: VitestRun) => void): void {
    try {
      this.#run ??= this.#begin();
      work(this.#run);
    } catch {
      // The build goes on, and so does the report.
    }
  }

  #begin(): VitestRun {
    const { root = process.cwd(), shard } = this.#vitest?.config ?? {};
    return startVitestRun({
      root,
      shard: shard === undefined ? undefined : { index: shard.index, total: shard.count },
      options: this.#optionsOf(++this.#runCount),
    });
  }

  /** A run id that was given is that of the first run; later ones, in watch mode, are numbered. */
  #optionsOf(number: number): ReporterOptions {
    const given = this.#options.runId ?? process.env["TALLY_RUN_ID"];
    return number > 1 && given ? { ...this.#options, runId: `${given}-${number}` } : this.#options;
  }
}

function listOf<Item>(given: readonly Item[]): readonly Item[] {
  return Array.isArray(given) ? given : [];
}
