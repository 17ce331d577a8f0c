import { toJson } from "@bufbuild/protobuf";
import { DurationSchema, TimestampSchema } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { parseSeconds, parseTimestamp } from "../../src/formats/values.js";

describe("parseSeconds", () => {
  it.each([
    ["0", "0s"],
    ["0.", "0s"],
    [".5", "0.500s"],
    [" 1.5 ", "1.500s"],
    ["0,25", "0.250s"],
    ["1,234", "1.234s"],
    ["1,234.5", "1234.500s"],
    ["1,234,567", "1234567s"],
    ["4.50611114501953e-05", "0.000045061s"],
    ["1E2", "100s"],
    ["2.9999999999", "3s"],
  ])("reads %s", (text, json) => {
    const duration = parseSeconds(text);
    expect(duration && toJson(DurationSchema, duration)).toBe(json);
  });

  it.each(["", "soon", "-1", "NaN", "Infinity", "1e400", "0x10", "1s", "999638317"])(
    "leaves out %s",
    (text) => expect(parseSeconds(text)).toBeUndefined(),
  );
});

describe("parseTimestamp", () => {
  it.each([
    ["2026-01-12T10:00:00", "2026-01-12T10:00:00Z"],
    ["2026-01-12 10:00:00.5", "2026-01-12T10:00:00.500Z"],
    ["2026-01-12T10:00:00.123456789+02:00", "2026-01-12T08:00:00.123456789Z"],
    ["2026-01-12T10:00:00-0530", "2026-01-12T15:30:00Z"],
    ["2026-01-12T10:00:00+02", "2026-01-12T08:00:00Z"],
    ["2026-01-12T10:00Z", "2026-01-12T10:00:00Z"],
  ])("reads %s", (text, json) => {
    const timestamp = parseTimestamp(text);
    expect(timestamp && toJson(TimestampSchema, timestamp)).toBe(json);
  });

  it.each([
    "",
    "yesterday",
    "01/02/2024",
    "2026-13-01T00:00:00",
    "1969-12-31T23:59:59Z",
    "2200-01-01T00:00:00Z",
  ])("leaves out %s", (text) => expect(parseTimestamp(text)).toBeUndefined());
});
