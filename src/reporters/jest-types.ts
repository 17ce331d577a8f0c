/** What Jest passes to its reporters, by the types of the package that people install. */
import type { createTestScheduler } from "jest";

type JestReporter = Parameters<Awaited<ReturnType<typeof createTestScheduler>>["addReporter"]>[0];
type Arguments<Hook extends keyof JestReporter> = Parameters<NonNullable<JestReporter[Hook]>>;

/** A file in a project. */
export type TestFile = Arguments<"onTestFileResult">[0];
/** What became of a file, and of the last attempt of each of its tests. */
export type FileResult = Arguments<"onTestFileResult">[1];
/** What became of an attempt, told as it ends. */
export type CaseResult = Arguments<"onTestCaseResult">[1];
/** What became of a test, told when its file ends. */
export type FinalResult = FileResult["testResults"][number];
/** What became of the run. */
export type RunResult = Arguments<"onRunComplete">[1];
