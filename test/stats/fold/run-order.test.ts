import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type RunList, withoutRun, withRuns } from "../../../src/stats/fold/run-order.js";

describe("lists of the newest runs", () => {
  const countedUs = (runKey: string) => (Number(runKey) * 7919) % 13;
  const order = (a: string, b: string) => countedUs(b) - countedUs(a) || Number(b) - Number(a);
  const runKeys = fc.uniqueArray(fc.integer({ min: 1, max: 120 }).map(String), {
    minLength: 1,
    maxLength: 12,
  });
  const step = fc.record({ runKeys, comes: fc.boolean() });

  it("name the newest, whatever came and left; all, unless they say that there may be more", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let list: RunList = { runKeys: "", more: false };
        const runs = new Set<string>();
        for (const { runKeys, comes } of steps) {
          if (comes) {
            const coming = runKeys.map((runKey) => ({ runKey, countedUs: countedUs(runKey) }));
            list = withRuns(list, coming, countedUs, 8);
            for (const runKey of runKeys) runs.add(runKey);
          } else {
            for (const runKey of runKeys) {
              list = withoutRun(list, runKey);
              runs.delete(runKey);
            }
          }
          const named = list.runKeys === "" ? [] : list.runKeys.split(",");
          const sorted = [...runs].sort(order);
          expect(named).toEqual(sorted.slice(0, named.length));
          expect(named.length).toBeLessThanOrEqual(8);
          if (!list.more) expect(named).toEqual(sorted);
        }
      }),
    );
  });
});
