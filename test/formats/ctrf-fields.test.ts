/** The fields that CTRF's schema documents, one by one. */
import { existsSync, readFileSync } from "node:fs";
import { toJson } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { TestResultSchema } from "../../gen/tally/v1/run_pb.js";
import { RETRY_FIELDS, TEST_FIELDS } from "../../src/formats/ctrf-fields.js";
import { line, read, SHARED_REPORTS } from "./read.js";

const least = { name: "n", status: "failed", duration: 1 };

/** What a field with a value says of the result. */
const kept: readonly (readonly [field: string, value: unknown, says: object])[] = [
  ["name", "adds", { test: { name: "adds" } }],
  ["status", "skipped", { status: "STATUS_SKIPPED" }],
  ["status", "pending", { status: "STATUS_SKIPPED", rawStatus: "pending" }],
  ["status", "other", { status: "STATUS_ERRORED", rawStatus: "other" }],
  ["duration", 1500, { duration: "1.500s" }],
  ["start", 1_609_459_200_123, { startTime: "2021-01-01T00:00:00.123Z" }],
  ["suite", ["Shop", "Cart"], { test: { suite: "Shop > Cart" } }],
  ["suite", "Cart", { test: { suite: "Cart" } }],
  ["message", "boom", { failure: { message: "boom" } }],
  ["trace", "at x", { failure: { trace: "at x" } }],
  ["line", 70_000, { location: { line: 70_000 } }],
  ["rawStatus", "timedOut", { rawStatus: "timedOut" }],
  ["tags", ["smoke", "slow"], { tags: { smoke: "", slow: "" } }],
  ["labels", { priority: "P1", n: 2, own: ["a", "b"] }, { tags: { priority: "P1", own: "a,b" } }],
  ["filePath", "a.js", { test: { file: "a.js" }, location: { file: "a.js" } }],
  ["retries", 2, { attempt: 3 }],
  ["stdout", ["one", "two"], { stdout: "one\ntwo" }],
  ["stderr", ["oh"], { stderr: "oh" }],
  ["browser", "chromium", { test: { variant: { browser: "chromium" } } }],
  ["device", "phone", { test: { variant: { device: "phone" } } }],
  ["parameters", { b: 1, a: "x" }, { test: { parameters: '{"a":"x","b":1}' } }],
];

describe("a field of a test", () => {
  it.each(kept)("%s: %j", async (field, value, says) => {
    const { results, warnings } = await readTest({ [field]: value });
    expect(results.map(({ result }) => toJson(TestResultSchema, result))).toMatchObject([says]);
    expect(warnings).toEqual([]);
  });

  it.each([
    ["suite", 3, "suite is no list of texts"],
    ["start", "soon", "start is no number"],
    ["flaky", "yes", "flaky is no boolean"],
    ["labels", ["a"], "labels is no object"],
    ["message", { text: "a" }, "message is no text"],
    ["retryAttempts", [1], "retryAttempts is no list of objects"],
    ["retryAttempts", [{ stdout: 1 }], "retryAttempts.stdout is no list of texts"],
    ["duration", "long", "the duration is no number of milliseconds up to ten years"],
  ])("%s: %j is warned of, and the test read without it", async (field, value, message) => {
    const { results, warnings } = await readTest({ [field]: value });
    expect(results.at(-1)?.result.test?.name).toBe("n");
    expect(warnings.map((each) => each.message)).toContain(message);
  });

  it("that is null is as good as absent", async () => {
    const nothing = Object.fromEntries([...TEST_FIELDS.keys()].map((field) => [field, null]));
    expect((await readTest({ ...nothing, ...least })).warnings).toEqual([]);
  });

  it("that results have no place for is named once a file, with how often", async () => {
    const tests = [
      { ...least, attachments: [], steps: [], id: "1", colour: "red" },
      {
        ...least,
        attachments: [],
        retryAttempts: [{ attempt: 1, status: "failed", extra: { a: 1 } }],
      },
    ];
    const { warnings } = await read("ctrf", JSON.stringify({ results: { tests } }));
    expect(warnings.map(({ message }) => message)).toEqual([
      "not kept, since results have no place for it: " +
        "attachments (2), steps (1), colour (1), retryAttempts.extra (1)",
    ]);
  });
});

const folder = `${SHARED_REPORTS}/ctrf`;

describe.skipIf(!existsSync(folder))(`the files in ${folder}`, () => {
  const content = (name: string) => readFileSync(`${folder}/${name}`, "utf8");

  it("document the fields that are known, and no others", () => {
    const schema = JSON.parse(content("ctrf.schema.json"));
    const test = schema.properties.results.properties.tests.items.properties;
    expect([...TEST_FIELDS.keys()]).toEqual(Object.keys(test));
    const retry = test.retryAttempts.items.properties;
    expect([...RETRY_FIELDS.keys()].sort()).toEqual(Object.keys(retry).sort());
  });

  it.each([
    ["minimal.json", [" | should pass #1 PASSED"], ""],
    [
      "comprehensive.json",
      [
        "Authentication > Login | user can login #1 PASSED",
        "Checkout | user can checkout #1r FAILED",
        "Checkout | user can checkout #2 PASSED",
        "Admin > Dashboard | admin dashboard loads #1 FAILED",
      ],
      "type",
    ],
    [
      "with-retries.json",
      [
        " | stable test #1 PASSED",
        " | flaky test #1r FAILED",
        " | flaky test #2r FAILED",
        " | flaky test #3 PASSED",
      ],
      "",
    ],
    ["with-diagnostics.json", [" | should render homepage #1 FAILED"], "screenshot"],
    ["with-insights.json", [" | login test #1 PASSED", " | checkout test #1 PASSED"], ""],
  ])("%s", async (name, lines, unkept) => {
    const { results, warnings, damage } = await read("ctrf", content(name), 7);
    expect(results.map(line)).toEqual(lines);
    expect(damage).toBeUndefined();
    expect(warnings.map(({ message }) => message).join()).toContain(unkept);
    expect(warnings.length).toBe(unkept === "" ? 0 : 1);
  });
});

function readTest(fields: object) {
  const report = { reportFormat: "CTRF", results: { tests: [{ ...least, ...fields }] } };
  return read("ctrf", JSON.stringify(report));
}
