/** Holds docs/stats.md to the definitions. */
import { readFile } from "node:fs/promises";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { ANOMALY_VERSION, markAnomalies } from "../../src/stats/anomalies.js";
import { FINGERPRINT_VERSION, MASKED_LENGTH } from "../../src/stats/failure-fingerprint.js";
import { FLAKY_VERSION, judgeTest } from "../../src/stats/flaky.js";
import { isProbableOutage, OUTAGE_RULE, OUTAGE_VERSION } from "../../src/stats/outage.js";
import { isSlower, SLOWER_VERSION } from "../../src/stats/slower.js";
import { WINDOW_DAYS } from "../../src/stats/windows.js";
import { tableRow, tableRows } from "./readme.js";

let text: string;
beforeAll(async () => {
  const lines = await readFile(new URL("../../docs/stats.md", import.meta.url), "utf8");
  text = lines.replaceAll(/([^\n|])\n(?=[^\n|])/g, "$1 ");
});

const says = (phrase: string) => expect(text).toContain(phrase);

it("names the version of every definition", async () => {
  const [head = ""] = text.split("## When a run counts");
  expect(tableRows(head).map((row) => row.split(" | ").slice(0, 2).join(" | "))).toEqual(
    [
      ["Flaky, and the verdicts", `${FLAKY_VERSION}`],
      ["Fingerprints of failures", `${FINGERPRINT_VERSION}`],
      ["Anomalies", `${ANOMALY_VERSION}`],
      ["Probable outage", `${OUTAGE_VERSION}`],
      ["Slower", `${SLOWER_VERSION}`],
    ].map((cells) => tableRow(cells).slice(0, -2)),
  );
});

it("names the windows", () => {
  says(`the last ${WINDOW_DAYS.slice(0, -1).join(", ")} or ${WINDOW_DAYS.at(-1)} UTC days`);
});

describe("states the rule of", () => {
  it("verdicts", () => {
    const runs = (failed: number, passed: number) => [
      ...Array.from({ length: failed }, () => ({ passed: false, failed: true })),
      ...Array.from({ length: passed }, () => ({ passed: true, failed: false })),
    ];
    says("the newest 3 of them did");
    const flaky = { flakyFailures: 1, decisive: 10, decisiveSinceLastFlake: 0 };
    expect(judgeTest({ ...flaky, recentRuns: runs(3, 1) })).toBe("BROKEN");
    expect(judgeTest({ ...flaky, recentRuns: runs(2, 1) })).toBe("FLAKY");
    says(
      "at least max(20, ⌈3 / rate⌉) decisive results, the rate being flaky failures by decisive",
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), fc.nat(2_000), (flakyFailures, others) => {
        const before = flakyFailures + others;
        const enough = Math.max(20, Math.ceil((3 * before) / flakyFailures));
        const judge = (decisiveSinceLastFlake: number) => {
          const decisive = before + decisiveSinceLastFlake;
          return judgeTest({
            flakyFailures,
            decisive,
            decisiveSinceLastFlake,
            recentRuns: runs(0, 3),
          });
        };
        expect([judge(enough), judge(enough - 1)]).toEqual(["RECOVERED", "FLAKY"]);
      }),
    );
  });

  it("probable outages", () => {
    const { minFailures, maxResultsPerFailure } = OUTAGE_RULE;
    says(`at least ${minFailures} of its results, and at least ${100 / maxResultsPerFailure} %`);
    expect(isProbableOutage({ failures: 20, resultCount: 400 })).toBe(true);
    expect(isProbableOutage({ failures: 20, resultCount: 401 })).toBe(false);
    expect(isProbableOutage({ failures: 19, resultCount: 19 })).toBe(false);
  });

  it("failure groups", () => {
    says(`The first ${MASKED_LENGTH.toLocaleString("en-US")} characters count`);
  });

  it("anomalies", () => {
    says("> 5 · max(MAD, 1 % of |median|)");
    says("if these are at least 8");
    // Median 100 and MAD 10; then MAD 0, so 1 % counts.
    const values = [90, 90, 100, 100, 110, 110, 90, 110];
    expect(markAnomalies([...values, 150]).at(-1)).toBe(false);
    expect(markAnomalies([...values, 151]).at(-1)).toBe(true);
    const same = values.map(() => 100);
    expect(markAnomalies([...same, 105]).at(-1)).toBe(false);
    expect(markAnomalies([...same, 105.1]).at(-1)).toBe(true);
    expect(markAnomalies([...same.slice(2), 200]).at(-1)).toBe(false);
  });

  it("slower tests", () => {
    says("at least 1.5 times and 100 ms longer");
    says("where its last 30 days have 20 durations, longer than their p95");
    const base = { baseUs: 200_000, headUs: 300_000, p95Us: null, samples: 0 };
    expect(isSlower(base)).toBe(true);
    expect(isSlower({ ...base, headUs: 299_999 })).toBe(false);
    expect(isSlower({ ...base, baseUs: 100_000, headUs: 199_999 })).toBe(false);
    expect(isSlower({ ...base, p95Us: 300_000, samples: 20 })).toBe(false);
    expect(isSlower({ ...base, p95Us: 300_000, samples: 19 })).toBe(true);
  });
});
