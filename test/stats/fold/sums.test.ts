import { describe, expect, it } from "vitest";
import { addMicros, addResult, durationOf, noSums } from "../../../src/stats/fold/sums.js";

describe("sums of durations", () => {
  it("are exact beyond what a double holds", () => {
    const sums = noSums();
    const longest = 316_224_000_000_001;
    for (let i = 0; i < 100; i++) addResult(sums, 1, longest, 1);
    expect(durationOf(sums)).toBe((BigInt(longest) * 100n).toString());
    addResult(sums, 1, longest, -1);
    expect(addMicros(durationOf(sums), String(BigInt(longest) * 98n), -1)).toBe(String(longest));
  });
});
