/** How figures read in a column of the command line. */
import { create } from "@bufbuild/protobuf";
import { DurationSchema } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import { TestSchema } from "../../gen/tally/v1/run_pb.js";
import { RateSchema } from "../../gen/tally/v1/stats_pb.js";
import { durationText, figureTexts, intervalText, testText } from "../../src/cli/figures.js";
import { table } from "../../src/cli/table.js";

const duration = (us: number) =>
  create(DurationSchema, { seconds: BigInt(Math.floor(us / 1e6)), nanos: (us % 1e6) * 1000 });

describe("durations", () => {
  test.each([
    [0, "0us"],
    [350, "350us"],
    [12_340, "12.3ms"],
    [3_210_000, "3.21s"],
    [245_000_000, "4m05s"],
    [7_380_000_000, "2h03m"],
  ])("%i us read as %s", (us, text) => {
    expect(durationText(duration(us))).toBe(text);
  });

  test("are milliseconds for programs", () => {
    expect(figureTexts("csv").duration(duration(1_234_567))).toBe("1234.567");
    expect(figureTexts("csv").duration(undefined)).toBe("");
  });
});

describe("rates", () => {
  const rate = create(RateSchema, {
    value: 0.025,
    lower: 0.012,
    upper: 0.0512,
    numerator: 5n,
    denominator: 200n,
  });

  test("read as per cent with their interval, and as shares for programs", () => {
    expect(intervalText(rate)).toBe("2.5% (1.2% to 5.12%)");
    expect(figureTexts("table").rate(rate)).toBe("2.5%");
    expect(figureTexts("csv").rate(rate)).toBe("0.025");
  });

  test("of nothing are no figure", () => {
    const none = create(RateSchema, { upper: 1 });
    expect(intervalText(none)).toBe("-");
    expect(figureTexts("csv").rate(none)).toBe("");
  });
});

test("a test reads as its parts, without those it has not", () => {
  const identity = { suite: "cart", file: "cart.test.ts", name: "adds" };
  expect(testText(create(TestSchema, identity))).toBe("cart.test.ts > cart > adds");
  expect(testText(create(TestSchema, { name: "adds" }))).toBe("adds");
  const variant = { os: "linux", browser: "firefox" };
  expect(testText(create(TestSchema, { ...identity, parameters: "a=1", variant }))).toBe(
    "cart.test.ts > cart > adds [a=1] {browser=firefox, os=linux}",
  );
});

test("a table shows what a terminal would act on as its code", () => {
  const name = "red \u001b[31m\u202etxt.exe\n\u0007";
  expect(table([{ name }]).split("\n")).toEqual([
    "name",
    "red <001b>[31m<202e>txt.exe<000a><0007>",
  ]);
});
