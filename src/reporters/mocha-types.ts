/** What Mocha passes to its reporters; it has no types of its own. In parallel mode these are copies with less in them. */

/** A test, a hook, or what stands for an error outside of both. */
export interface Runnable {
  readonly title: string;
  readonly type?: string;
  readonly file?: string;
  readonly duration?: number;
  /** `passed`, `failed` or `pending`; absent if it did not come to an end. */
  readonly state?: string;
  /** Of a hook or a test, in serial mode. */
  readonly parent?: Suite;
  /** The same for a test and its copies, also in parallel mode. */
  readonly __mocha_id__?: string;
  /** Titles of the suites around it, then its own. */
  titlePath(): readonly string[];
  currentRetry?(): number;
  /** The first attempt. */
  retriedTest?(): Runnable | null | undefined;
  isPending?(): boolean;
}

export interface Suite {
  readonly tests: readonly Runnable[];
  readonly suites: readonly Suite[];
}

export interface Runner {
  /** Without tests in parallel mode. */
  readonly suite: Suite;
  on(event: string, listener: (runnable: Runnable, error: unknown) => void): unknown;
  isParallelMode?(): boolean;
  /** How many tests of a suite `--grep` leaves. */
  grepTotal(suite: { eachTest(visit: (test: Runnable) => void): void }): number;
}

export interface MochaOptions {
  readonly dryRun?: boolean;
  readonly reporterOption?: object;
  readonly reporterOptions?: object;
}

/** A reporter that Mocha brings along, or a package's. */
export type ReporterClass = new (
  runner: Runner,
  options: MochaOptions,
) => { done?(failures: number, finish: (failures: number) => void): void };
