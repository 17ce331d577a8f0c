/** One run of Vitest: what its hooks tell, as results. */
import type { Reporter, TestCase, TestModule, TestSuite } from "vitest/node";
import { Status } from "../../gen/tally/v1/run_pb.js";
import type { ReporterOptions } from "./reporter-options.js";
import { type Reporting, startReporting } from "./reporting.js";
import { createFileNames } from "./repository-file.js";
import { type ErrorLike, failureOf, plain } from "./result-parts.js";
import { createVitestNames } from "./vitest-names.js";
import { createOutputs, type Log } from "./vitest-outputs.js";
import { attemptResults, skippedResult, type TestParts } from "./vitest-results.js";

export interface VitestRunOptions {
  readonly root: string;
  readonly shard: { readonly index: number; readonly total: number } | undefined;
  readonly options: ReporterOptions;
}

type Hook = Parameters<NonNullable<Reporter["onHookStart"]>>[0];
type Reason = Parameters<NonNullable<Reporter["onTestRunEnd"]>>[2];

export interface VitestRun {
  hookStarted(hook: Hook): void;
  hookEnded(hook: Hook): void;
  logged(log: Log): void;
  testEnded(test: TestCase): void;
  suiteEnded(suite: TestSuite): void;
  moduleEnded(module: TestModule): void;
  /** Told of every module at the end of the run; of those that have ended it knows all. */
  leftOut(module: TestModule, reason: Reason): void;
  /** An error that belongs to no test. */
  failed(error: object): void;
  close(): Promise<unknown>;
}

/** Begins to report a run. */
export function startVitestRun({ root, shard, options }: VitestRunOptions): VitestRun {
  const reporting: Reporting = startReporting({ producer: "tally-vitest", options, shard });
  const fileOf = createFileNames(root);
  const names = createVitestNames(fileOf);
  const outputs = createOutputs();
  /** Hooks that began and did not end, by the test, suite or module: Vitest tells the end of those alone that held. */
  const openHooks = new Map<string, Set<string>>();
  /** Tests that were reported, of modules that have not ended. */
  const reported = new Map<TestModule, Set<string>>();
  const endedModules = new Set<TestModule>();
  let unhandled = 0;

  const isOpen = (id: string, name: Hook["name"]) => openHooks.get(id)?.has(name) === true;

  /** It was to run, and what encloses it had failed before. */
  function isPrecluded(test: TestCase): boolean {
    if (test.options.mode === "skip" || test.options.mode === "todo") return false;
    for (let each: TestSuite | TestModule = test.parent; ; each = each.parent) {
      if (isOpen(each.id, "beforeAll") || each.errors().length > 0) return true;
      if (each.type === "module") return false;
    }
  }

  /** A test without a result when Vitest says that it ended was left out, because the run was stopped. */
  function addTest(test: TestCase, unfinished = Status.PRECLUDED) {
    markReported(test);
    const parts: TestParts = Object.assign(names.test(test), outputs.take(test.id));
    const { state } = test.result();
    if (state === "pending") {
      reporting.add({ status: unfinished, attempt: 1, rawStatus: state, ...parts });
    } else if (state === "skipped") {
      reporting.add(skippedResult(test, parts, isPrecluded(test)));
    } else {
      const hooks = {
        before: isOpen(test.id, "beforeEach"),
        after: isOpen(test.id, "afterEach"),
      };
      for (const result of attemptResults(test, parts, hooks)) reporting.add(result);
    }
    openHooks.delete(test.id);
  }

  function markReported({ module, id }: TestCase) {
    if (endedModules.has(module)) return;
    const ids = reported.get(module);
    if (ids === undefined) reported.set(module, new Set([id]));
    else ids.add(id);
  }

  /** What failed of a suite or module besides its tests. */
  function addErrors(entity: TestSuite | TestModule) {
    const errors = entity.errors();
    if (errors.length === 0) return;
    const name = isOpen(entity.id, "beforeAll")
      ? "beforeAll hook"
      : isOpen(entity.id, "afterAll")
        ? "afterAll hook"
        : `(${entity.type === "module" ? "file" : "suite"})`;
    reporting.add({
      status: Status.ERRORED,
      attempt: 1,
      rawStatus: "failed",
      failure: failureOf(errors),
      ...names.part(entity, name),
    });
  }

  /** Tests of a file whose worker went away, or that was stopped. */
  function addUnfinished(module: TestModule, reason: Reason) {
    const known = reported.get(module);
    const status = reason === "interrupted" ? Status.PRECLUDED : Status.ERRORED;
    for (const test of module.children.allTests()) {
      if (!known?.has(test.id)) addTest(test, status);
    }
    if (module.children.size > 0) return;
    reporting.add({
      status,
      attempt: 1,
      rawStatus: module.state(),
      ...names.part(module, "(file)"),
    });
  }

  function addUnhandled(
    error: ErrorLike & { readonly type?: unknown; VITEST_TEST_PATH?: unknown },
  ) {
    const path = error.VITEST_TEST_PATH;
    reporting.add({
      test: { name: "(unhandled error)", file: typeof path === "string" ? fileOf(path) : "" },
      status: Status.ERRORED,
      attempt: 1,
      repeatIndex: unhandled++,
      rawStatus: plain(error.type),
      failure: failureOf([error]),
    });
  }

  return {
    hookStarted({ name, entity }) {
      const open = openHooks.get(entity.id);
      if (open === undefined) openHooks.set(entity.id, new Set([name]));
      else open.add(name);
    },
    hookEnded({ name, entity }) {
      openHooks.get(entity.id)?.delete(name);
    },
    logged: (log) => outputs.add(log),
    testEnded: (test) => addTest(test),
    suiteEnded: addErrors,
    moduleEnded(module) {
      endedModules.add(module);
      reported.delete(module);
      addErrors(module);
    },
    leftOut(module, reason) {
      if (!endedModules.has(module)) addUnfinished(module, reason);
    },
    failed: addUnhandled,
    close: () => reporting.end(),
  };
}
