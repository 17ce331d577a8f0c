/** Runs fixtures of Vitest, and compares what is stored with what Vitest says itself. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Status, type TestResult } from "../../gen/tally/v1/run_pb.js";
import { type ProjectRun, type ReporterLab, startReporterLab } from "./reporter-lab.js";

export interface VitestLab extends AsyncDisposable {
  readonly lab: ReporterLab;
  /** Runs tests of the project; `own` is what Vitest says of them, a line each, sorted. */
  vitest(
    runId: string,
    args: readonly string[],
    env?: Readonly<Record<string, string>>,
  ): Promise<ProjectRun & { readonly own: readonly string[] }>;
  /** What Tally has of the tests' last attempts, in the same words, and what is no test. */
  stored(runId: string): Promise<{ tests: string[]; others: TestResult[] }>;
}

/** Starts a server for the fixtures. */
export async function startVitestLab(): Promise<VitestLab> {
  const folder = await mkdtemp(join(tmpdir(), "tally-vitest-"));
  const lab = await startReporterLab();
  return {
    lab,
    async vitest(runId, args, env = {}) {
      const file = join(folder, `${runId}.json`);
      const run = await lab.run({
        project: "vitest",
        args: ["node_modules/vitest/vitest.mjs", "run", ...args],
        runId,
        env: { REPORT: file, NO_COLOR: "1", ...env },
      });
      const report = JSON.parse(await readFile(file, "utf8")) as OwnReport;
      const tests = report.testResults.flatMap((each) => each.assertionResults);
      return { ...run, own: tests.map(ownText).sort() };
    },
    async stored(runId) {
      const results = await lab.results(runId);
      const last = new Map<string, string>();
      for (const result of results.filter((each) => !isOther(each))) {
        const { suite, name, variant } = result.test ?? {};
        const key = JSON.stringify([suite, name, variant, result.repeatIndex]);
        last.set(key, `${suite} | ${name}: ${KINDS[Status[result.status]]}`);
      }
      return { tests: [...last.values()].sort(), others: results.filter(isOther) };
    },
    async [Symbol.asyncDispose]() {
      await lab[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

interface OwnReport {
  readonly testResults: readonly { readonly assertionResults: readonly OwnTest[] }[];
}

interface OwnTest {
  readonly ancestorTitles: readonly string[];
  readonly title: string;
  readonly status: string;
}

/** Of a type check, the file is told as a describe. */
function ownText({ ancestorTitles, title, status }: OwnTest): string {
  const suites = ancestorTitles.filter((each) => each && !/-d\.ts$/.test(each));
  return `${suites.join(" > ")} | ${title.toWellFormed()}: ${KINDS[status]}`;
}

const isOther = ({ test }: TestResult) => /^\(| hook$/.test(test?.name ?? "");

const KINDS: Readonly<Record<string, string>> = {
  passed: "passed",
  PASSED: "passed",
  failed: "failed",
  FAILED: "failed",
  ERRORED: "failed",
  skipped: "not run",
  todo: "not run",
  pending: "not run",
  SKIPPED: "not run",
  PRECLUDED: "not run",
};
