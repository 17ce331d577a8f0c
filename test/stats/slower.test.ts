import { expect, it } from "vitest";
import { type Durations, isSlower, SLOWER_VERSION } from "../../src/stats/slower.js";

/** Slower by a hair in every respect. */
const slower: Durations = { baseUs: 200_000, headUs: 300_000, p95Us: 299_999, samples: 20 };

it("has the version of these answers", () => {
  expect(SLOWER_VERSION).toBe(1);
});

it("calls a test slower from half as much again, 100 ms and its p95 on", () => {
  expect(isSlower(slower)).toBe(true);
});

it.each<[string, Partial<Durations>]>([
  ["less than half as much again", { baseUs: 200_001 }],
  ["less than 100 ms", { baseUs: 1, headUs: 100_000, p95Us: null }],
  ["what it takes at times anyway", { p95Us: 300_000 }],
  ["nothing", { baseUs: 300_000 }],
  ["a negative difference", { baseUs: 900_000 }],
])("does not for %s", (_, change) => {
  expect(isSlower({ ...slower, ...change })).toBe(false);
});

it.each<[string, Partial<Durations>]>([
  ["are fewer than 20 durations", { p95Us: 900_000, samples: 19 }],
  ["is none", { p95Us: null, samples: 0 }],
])("asks no p95 where there %s", (_, change) => {
  expect(isSlower({ ...slower, ...change })).toBe(true);
});

it("takes any difference from 0 for a factor, but not for 100 ms", () => {
  expect(isSlower({ baseUs: 0, headUs: 100_000, p95Us: null, samples: 0 })).toBe(true);
  expect(isSlower({ baseUs: 0, headUs: 99_999, p95Us: null, samples: 0 })).toBe(false);
});
