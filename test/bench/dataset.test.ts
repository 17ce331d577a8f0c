/** The data set that the bench stores: it repeats, and its truth about flaky tests is that of its results. */
import { describe, expect, test } from "vitest";
import { JOBS } from "../../bench/dataset/catalog.js";
import { type Dataset, planDataset } from "../../bench/dataset/plan.js";
import { partResults } from "../../bench/dataset/results.js";
import { flakyFailures } from "../../bench/dataset/truth.js";
import { Status } from "../../gen/tally/v1/run_pb.js";
import type { TestResultInit } from "../../src/client/index.js";

const END_US = Date.UTC(2026, 10, 20, 12) * 1000;
const OPTIONS = { seed: 7, results: 60_000, tests: 2_000, days: 90, endUs: END_US };

describe("a data set", () => {
  test("is the same for the same seed, and another for another", () => {
    const print = (dataset: Dataset) =>
      JSON.stringify(everyResult(dataset).slice(0, 5_000), asText);
    const first = print(planDataset(OPTIONS));
    expect(print(planDataset(OPTIONS))).toBe(first);
    expect(print(planDataset({ ...OPTIONS, seed: 8 }))).not.toBe(first);
  });

  test("has about as many results as were asked for, within its days", () => {
    const dataset = planDataset(OPTIONS);
    const results = everyResult(dataset);
    expect(results.length).toBeGreaterThan(OPTIONS.results * 0.8);
    expect(results.length).toBeLessThan(OPTIONS.results * 1.3);
    const starts = dataset.runs.map((run) => run.startUs);
    expect(starts).toEqual([...starts].sort((a, b) => a - b));
    expect(Math.min(...starts)).toBeGreaterThanOrEqual(END_US - 90 * 86_400e6);
    expect(Math.max(...starts)).toBeLessThan(END_US);
    const statuses = new Set(results.map(({ result }) => result.status));
    expect(statuses).toEqual(
      new Set([Status.PASSED, Status.FAILED, Status.ERRORED, Status.SKIPPED]),
    );
  });

  test("tells exactly the tests that fail and pass in one tree", () => {
    const dataset = planDataset(OPTIONS);
    const lastDay = Math.floor(END_US / 86_400e6);
    const firstDay = lastDay - 29;
    const passed = new Set<string>();
    const failed: { name: string; key: string }[] = [];
    for (const { result, treeSha, day } of everyResult(dataset)) {
      const name = result.test?.name ?? "";
      const key = `${treeSha} ${name}`;
      if (result.status === Status.PASSED) passed.add(key);
      if (result.status === Status.FAILED && day >= firstDay) failed.push({ name, key });
    }
    const expected = new Map<string, number>();
    for (const { name, key } of failed) {
      if (passed.has(key)) expected.set(name, (expected.get(name) ?? 0) + 1);
    }
    const told = [...flakyFailures(dataset, firstDay, lastDay)].map(
      ([index, count]) => [dataset.catalog[index]?.name, count] as const,
    );
    expect(told.length).toBeGreaterThan(5);
    expect(new Map(told)).toEqual(expected);
  });
});

function everyResult(dataset: Dataset) {
  const all: { result: TestResultInit; treeSha: string; day: number }[] = [];
  for (const run of dataset.runs) {
    const day = Math.floor(run.startUs / 86_400e6);
    for (const { job, shards } of JOBS) {
      for (let shard = 0; shard < shards; shard++) {
        for (const result of partResults(dataset, run, job, shard)) {
          all.push({ result, treeSha: run.tree.treeSha, day });
        }
      }
    }
  }
  return all;
}

const asText = (_: string, value: unknown) => (typeof value === "bigint" ? `${value}` : value);
