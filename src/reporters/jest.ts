/** Reports what Jest runs, while it runs: `reporters: ["default", "tally/jest"]`, options beside the name. */
import type { GlobalConfig } from "jest";
import { type FileRun, startFileRun } from "./jest-file-run.js";
import { runResult } from "./jest-result.js";
import type { CaseResult, FileResult, RunResult, TestFile } from "./jest-types.js";
import { quietly } from "./quietly.js";
import { countRepeats } from "./repeats.js";
import type { ReporterOptions } from "./reporter-options.js";
import { type Reporting, startReporting } from "./reporting.js";
import { createFileNames } from "./repository-file.js";

/** Jest makes one for each run, also while it watches. */
export default class JestReporter {
  readonly #config: GlobalConfig;
  readonly #options: ReporterOptions;
  readonly #repeatOf = countRepeats();
  readonly #running = new Map<string, RunningPath>();
  #nameOf = (file: string): string => file;
  #reporting: Reporting | undefined;
  #isEnding = false;

  constructor(config: GlobalConfig, options: ReporterOptions = {}) {
    this.#config = config;
    this.#options = options;
  }

  /** With `--collectTests` nothing runs, although all of it is told as passed. */
  onRunStart(): void {
    quietly(() => {
      const { collectTests, rootDir, shard } = this.#config;
      if (collectTests) return;
      this.#nameOf = createFileNames(rootDir);
      this.#reporting = startReporting({
        producer: "tally-jest",
        options: this.#options,
        shard: shard && { index: shard.shardIndex, total: shard.shardCount },
      });
    });
  }

  onTestFileStart(file: TestFile): void {
    quietly(() => this.#runningPath(file.path).runs.set(file.context, this.#startFile(file)));
  }

  /**
   * Told as each attempt ends, but for skipped tests. Of the file only the path can be believed: the context is that of
   * one project for the tests of all. While several projects run the same path, their attempts are held back.
   */
  onTestCaseResult(file: TestFile, result: CaseResult): void {
    quietly(() => {
      const path = this.#running.get(file.path);
      if (path === undefined) return;
      const [run, ...others] = path.runs.values();
      if (others.length > 0) path.held.push(result);
      else run?.take(result);
    });
  }

  onTestFileResult(file: TestFile, result: FileResult): void {
    quietly(() => {
      const path = this.#runningPath(file.path);
      const run = path.runs.get(file.context) ?? this.#startFile(file);
      path.runs.delete(file.context);
      run.finish(result, path.held);
      const [next, ...others] = path.runs.values();
      if (next === undefined) this.#running.delete(file.path);
      else if (others.length === 0) for (const held of path.held.splice(0)) next.take(held);
    });
  }

  /** Called more than once by a run that bails out. */
  async onRunComplete(_contexts: unknown, result: RunResult): Promise<void> {
    quietly(() => {
      if (result.runExecError !== undefined) this.#add(runResult(result.runExecError));
    });
    this.#isEnding = true;
    await this.#reporting?.end();
  }

  #runningPath(path: string): RunningPath {
    const found = this.#running.get(path) ?? { runs: new Map(), held: [] };
    this.#running.set(path, found);
    return found;
  }

  #startFile({ path, context }: TestFile): FileRun {
    const project = context.config.displayName?.name;
    return startFileRun({
      file: { name: this.#nameOf(path), variant: project === undefined ? {} : { project } },
      add: (result) => this.#add(result),
      repeatOf: this.#repeatOf,
    });
  }

  #add(result: Parameters<Reporting["add"]>[0]): void {
    if (!this.#isEnding) this.#reporting?.add(result);
  }
}

/** A path, in the projects that run it now. */
interface RunningPath {
  readonly runs: Map<TestFile["context"], FileRun>;
  /** Attempts that could be of any of them. */
  readonly held: CaseResult[];
}
