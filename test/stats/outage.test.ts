import { expect, it } from "vitest";
import { isProbableOutage, OUTAGE_VERSION } from "../../src/stats/outage.js";

it("has the version of these answers", () => {
  expect(OUTAGE_VERSION).toBe(1);
});

it.each([
  [20, 20, true],
  [20, 400, true],
  [20, 401, false],
  [19, 19, false],
  [19, 100, false],
  [1000, 20_000, true],
  [999, 20_000, false],
  [0, 0, false],
])("%d alike failures among %d results: %s", (failures, resultCount, isOutage) => {
  expect(isProbableOutage({ failures, resultCount })).toBe(isOutage);
});
