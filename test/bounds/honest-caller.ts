/** A caller who only wants to report: sends one result after the other while others attack. */
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import type { TallyClient } from "../../src/client/index.js";

export interface HonestCaller extends AsyncDisposable {
  /** Stops calling; throws unless every call was answered and every result is stored. */
  expectServed(): Promise<void>;
}

/** Starts calling: one unary call at a time, some fifty a second. */
export function startHonestCaller({ ingest, stats }: TallyClient): HonestCaller {
  const runId = `honest ${Math.random()}`;
  const failures: string[] = [];
  let sent = 0;
  let slowestMs = 0;
  let stopped = false;
  const calling = (async () => {
    while (!stopped) {
      const startedAt = performance.now();
      const result = {
        test: { suite: "s", name: `t${sent % 100}` },
        resultId: `r${sent}`,
        status: 1,
      };
      sent += 1;
      await ingest.ingestRun({ run: { runId }, results: [result] }).catch((error: unknown) => {
        failures.push(String(error));
      });
      slowestMs = Math.max(slowestMs, performance.now() - startedAt);
      await sleep(20);
    }
  })();
  const stop = async () => {
    stopped = true;
    await calling;
  };
  return {
    async expectServed() {
      await stop();
      const { run } = await stats.getRun({ runId });
      expect(failures).toEqual([]);
      expect(sent).toBeGreaterThan(0);
      expect(Number(run?.totals?.resultCount)).toBe(sent);
      // Far from a hang, and far from what a busy machine can make of it.
      expect(slowestMs).toBeLessThan(5_000);
    },
    [Symbol.asyncDispose]: stop,
  };
}
