import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { startJobs } from "../../src/jobs/job.js";
import { createLogger } from "../../src/log.js";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** When the rounds of a job that is due every 100 ms begin, up to 350 ms, if each takes so long. */
async function startsOf(roundMs: number): Promise<number[]> {
  const begin = performance.now();
  const starts: number[] = [];
  const jobs = startJobs(
    [
      {
        name: "counts",
        everyMs: 100,
        async runOnce() {
          starts.push(performance.now() - begin);
          await new Promise((resolve) => setTimeout(resolve, roundMs));
        },
      },
    ],
    createLogger("silent"),
  );
  await vi.advanceTimersByTimeAsync(350);
  const stopped = jobs[Symbol.asyncDispose]();
  await vi.advanceTimersByTimeAsync(roundMs);
  await stopped;
  return starts;
}

it("begins rounds at a fixed rate", async () => {
  expect(await startsOf(60)).toEqual([0, 100, 200, 300]);
});

it("begins a round at once after one that took longer", async () => {
  // The shortest timer takes a millisecond.
  expect(await startsOf(150)).toEqual([0, 151, 302]);
});

it("waits for a round under way when it is stopped, and no longer than 5 s", async () => {
  let end = () => {};
  const round = new Promise<void>((resolve) => {
    end = resolve;
  });
  const start = () =>
    startJobs([{ name: "long", everyMs: 100, runOnce: () => round }], createLogger("silent"));
  let stopped = 0;
  const stop = async () => {
    await start()[Symbol.asyncDispose]();
    stopped += 1;
  };
  const first = stop();
  await vi.advanceTimersByTimeAsync(4_999);
  expect(stopped).toBe(0);
  await vi.advanceTimersByTimeAsync(1);
  await first;
  expect(stopped).toBe(1);
  const second = stop();
  end();
  await second;
  expect(vi.getTimerCount()).toBe(0);
});
