/** Real files of many tools, where they are at hand: TALLY_REPORTS_DIR, or a folder beside the repository. */
import { existsSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { globSync } from "tinyglobby";
import { describe, expect, it } from "vitest";
import { read, SHARED_REPORTS } from "./read.js";

const folder = SHARED_REPORTS;
const files = existsSync(folder)
  ? globSync("{action-junit-report,analytics-cli}/**/*.xml", { cwd: folder, absolute: true }).sort()
  : [];

describe.skipIf(files.length === 0)(`real JUnit files in ${folder}`, () => {
  it.each(files.map((file) => [relative(folder, file)]))("%s", async (path) => {
    const bytes = readFileSync(join(folder, path));
    const { results, warnings, damage } = await read("junit", bytes);
    const cases = results.filter(({ retry }) => !retry);
    const known = DAMAGED[path];
    if (known === undefined) {
      expect(damage).toBeUndefined();
      expect(cases).toHaveLength(countCases(bytes.toString()));
    } else {
      expect(damage?.line).toBe(known.line);
      expect(cases).toHaveLength(known.cases);
    }
    expect(results.filter(({ retry }) => retry)).toHaveLength(
      bytes.toString().match(/<(flaky|rerun)(Failure|Error)\b/g)?.length ?? 0,
    );
    expect(new Set(results.map(identity)).size).toBe(results.length);
    expect(results.every(({ result }) => result.test?.name !== "")).toBe(true);
    const stated = warnings.filter(({ message }) => message.includes("states"));
    expect(stated.length > 0).toBe(MISCOUNTED.has(path));
    expect((await read("junit", bytes, 13)).results).toEqual(results);
  });
});

function countCases(xml: string): number {
  const markup = xml.replace(/<!--.*?-->|<!\[CDATA\[.*?\]\]>/gs, "");
  return markup.match(/<testcase[\s/>]/g)?.length ?? 0;
}

function identity({
  result: { test, attempt, repeatIndex },
}: Awaited<ReturnType<typeof read>>["results"][number]) {
  return JSON.stringify([test?.suite, test?.file, test?.name, test?.variant, attempt, repeatIndex]);
}

const CORRUPT =
  "action-junit-report/corrupt-junit/e2e-tests/corrupt/target/sf-reports/TEST-test.CorruptTest.xml";
const DAMAGED: Record<string, { line: number; cases: number }> = {
  [CORRUPT]: { line: 18, cases: 1 },
  "action-junit-report/junit-web-test/expected.xml": { line: 9, cases: 0 },
  "action-junit-report/junit-web-test/expectedRetries.xml": { line: 9, cases: 0 },
};
/** Files that state another number of tests than they contain. */
const MISCOUNTED = new Set([
  "action-junit-report/container-structure/test.xml",
  "action-junit-report/junit-server-test/report.xml",
  "action-junit-report/mocha/mocha.xml",
  "action-junit-report/multiple/test_10.xml",
  "action-junit-report/multiple/test_11.xml",
  "action-junit-report/multiple/test_12.xml",
  "action-junit-report/nested/junit.xml",
  "action-junit-report/nested/multi-level.xml",
  "action-junit-report/python/report_flaky.xml",
  "analytics-cli/junit1_fail.xml",
  "analytics-cli/junit1_pass.xml",
]);
