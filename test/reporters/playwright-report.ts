/** What Playwright itself says of a run, in the form that stored results are compared in. */
import { readFile } from "node:fs/promises";
import type { JSONReport, JSONReportSuite } from "@playwright/test/reporter";
import { Status, type TestResult } from "../../gen/tally/v1/run_pb.js";

export const PLAYWRIGHT_PROJECT = "test/fixtures/projects/playwright";

/** What Playwright's reporter `json` wrote. */
export async function readOwnReport(file: string): Promise<JSONReport> {
  return JSON.parse(await readFile(file, "utf8"));
}

/** Each attempt of the report as `rowOf` writes a result. */
export function rowsOf({ suites }: JSONReport): string[] {
  const rows = (suite: JSONReportSuite, path: readonly string[]): string[] => [
    ...suite.specs.flatMap(({ title, file, line, tests }) =>
      tests.flatMap(({ projectName, results, expectedStatus }) =>
        results.map(({ retry, status, annotations }) => {
          const mark = annotations.find(({ type }) => type === "skip" || type === "fixme")?.type;
          const word = status === "skipped" && expectedStatus === "skipped" ? mark : status;
          const where = `${PLAYWRIGHT_PROJECT}/all/${file}:${line}`;
          const name = title.toWellFormed();
          return JSON.stringify([where, path.join(" > "), name, projectName, retry + 1, word]);
        }),
      ),
    ),
    ...(suite.suites ?? []).flatMap((inner) => rows(inner, [...path, inner.title])),
  ];
  return suites.flatMap((file) => rows(file, []));
}

/** Where a result is from, which attempt it is, and Playwright's word for how it ended. */
export function rowOf({ test, location, attempt, rawStatus }: TestResult): string {
  const where = `${location?.file}:${location?.line}`;
  const project = test?.variant["project"];
  return JSON.stringify([where, test?.suite, test?.name, project, attempt, rawStatus]);
}

/** Playwright's verdicts, from the stored attempts of each test. */
export function verdictCounts(results: readonly TestResult[]) {
  const statuses = new Map<string, Status[]>();
  for (const { test, status } of results) {
    const key = JSON.stringify([test?.file, test?.suite, test?.name, test?.variant]);
    statuses.set(key, [...(statuses.get(key) ?? []), status]);
  }
  const counts = { expected: 0, unexpected: 0, flaky: 0, skipped: 0 };
  for (const attempts of statuses.values()) {
    const isUnexpected = attempts.includes(Status.FAILED) || attempts.includes(Status.ERRORED);
    const isExpected = attempts.includes(Status.PASSED);
    if (isUnexpected) counts[isExpected ? "flaky" : "unexpected"]++;
    else counts[isExpected ? "expected" : "skipped"]++;
  }
  return counts;
}
