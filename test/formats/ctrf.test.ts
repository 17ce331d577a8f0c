import { toJson } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { TestResultSchema } from "../../gen/tally/v1/run_pb.js";
import { fixture, line, read } from "./read.js";

describe("CTRF", () => {
  it("makes attempts of retries, and reads every field in any pieces", async () => {
    const bytes = await fixture("ctrf/retries.json");
    const { results, warnings, damage } = await read("ctrf", bytes);
    expect(results.map(line)).toEqual([
      "Shop > Cart | stable #1 PASSED",
      "Old | flaky #1r FAILED",
      "Old | flaky #2r FAILED",
      "Old | flaky #3 PASSED",
      " | uncounted #2 ERRORED",
    ]);
    expect(damage).toBeUndefined();
    expect(warnings.map(({ message }) => message)).toEqual([
      "results.summary states 4 tests and the file contains 3",
    ]);
    const json = results.map(({ result }) => toJson(TestResultSchema, result));
    expect(json[0]).toEqual({
      test: {
        suite: "Shop > Cart",
        file: "cart.test.js",
        name: "stable",
        parameters: '{"a":1,"b":2}',
        variant: { browser: "firefox" },
      },
      status: "STATUS_PASSED",
      rawStatus: "passed",
      attempt: 1,
      startTime: "2026-01-12T10:00:00Z",
      duration: "0.150s",
      location: { file: "cart.test.js", line: 3 },
      stdout: "one\ntwo",
      tags: { smoke: "", owners: "qa,web", p: "1" },
    });
    expect(json[1]).toMatchObject({
      failure: { message: 'brace } in "text" [' },
      duration: "0.120s",
    });
    expect(json[4]).toMatchObject({ rawStatus: "timedOut", failure: { message: "slow" } });
    const bytewise = await read("ctrf", bytes, 1);
    expect(bytewise.results).toEqual(results);
  });

  it("yields what came before a cut", async () => {
    const { results, damage } = await read("ctrf", await fixture("ctrf/cut-off.json"));
    expect(results.map(line)).toEqual([" | whole #1 PASSED"]);
    expect(damage).toMatchObject({
      line: 4,
      reason: "the file is cut off, inside the test of line 4",
    });
  });

  it.each([
    ["", /Unexpected end/],
    ["{}", /no results\.tests/],
    ['{"results":{"tests":[{"name":"a"},\n\n3]}}', /line 3: a test is no JSON object/],
    ['{"results":{"tests":[\n{"name":a}]}}', /line 2: Unexpected token/],
    ['{"results":{"tests":[{"name":"a"}]}} trailing', /Unexpected/],
    ['{"results":{"tests":[,{"name":"a"}]}}', /Unexpected token ','/],
    ['{"results":{"tests":[{"name":"a"},,{"name":"b"}]}}', /Unexpected token ','/],
    ['{"results":{"tests":[{"name":"a"},]}}', /Unexpected token ','/],
    ['{"results":{"tests":[{"name":"a"}}}}', /Unexpected token '}'/],
  ])("refuses %s", async (content, reason) => {
    const { damage } = await read("ctrf", content);
    expect(damage?.message).toMatch(reason);
  });

  it("leaves a test without a name or status for the server to judge", async () => {
    const { results, warnings } = await read(
      "ctrf",
      '{"results":{"tests":[{}, {"status":"odd"}]}}',
    );
    expect(results.map(line)).toEqual([" |  #1 UNSPECIFIED", " |  #1 UNSPECIFIED"]);
    expect(warnings).toHaveLength(2);
  });
});
