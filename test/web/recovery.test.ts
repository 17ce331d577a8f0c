/** How far a flaky test is on its way to recovery. */
import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FlakyTestSchema } from "../../gen/tally/v1/stats_pb.js";
import { judgeTest } from "../../src/stats/flaky.js";
import { recoveryOf } from "../../src/web/format/recovery.js";

describe("recoveryOf", () => {
  it("is done exactly when the server calls the test recovered", () => {
    const counts = fc.record({
      flaky: fc.integer({ min: 1, max: 20 }),
      passed: fc.nat(200),
      since: fc.nat(300),
    });
    fc.assert(
      fc.property(counts, ({ flaky, passed, since }) => {
        const decisive = flaky + passed + since;
        const { done, needed } = recoveryOf(
          create(FlakyTestSchema, {
            test: {
              figures: {
                flakeRate: { numerator: BigInt(flaky), denominator: BigInt(decisive) },
              },
            },
            decisiveSinceCount: BigInt(since),
          }),
        );
        const verdict = judgeTest({
          flakyFailures: flaky,
          decisive,
          recentRuns: [],
          decisiveSinceLastFlake: since,
        });
        expect(done >= needed).toBe(verdict === "RECOVERED");
      }),
      { examples: [[{ flaky: 5, passed: 5, since: 19 }], [{ flaky: 5, passed: 5, since: 20 }]] },
    );
  });
});
