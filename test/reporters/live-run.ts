/** A run whose results are seen while it goes on, and kept once the server is gone. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { RunState } from "../../gen/tally/v1/run_pb.js";
import type { ProjectRun, ReporterLab } from "./reporter-lab.js";

/**
 * Runs a project of five tests of which one fails: three end, and the others wait for the file GO_FILE. `start` runs it
 * as `runId`.
 */
export async function expectLiveAndKept(
  lab: ReporterLab,
  runId: string,
  start: (env: Record<string, string>) => Promise<ProjectRun>,
): Promise<void> {
  const goFile = join(lab.spoolDir, "..", "go");
  const running = start({ GO_FILE: goFile });
  const delays: number[] = [];
  await expect
    .poll(
      async () => {
        const results = await lab.results(runId).catch(() => []);
        for (const { startTime, duration } of results.slice(delays.length)) {
          delays.push(Date.now() - milliseconds(startTime) - milliseconds(duration));
        }
        return results.map(({ test }) => test?.name);
      },
      { interval: 20 },
    )
    .toEqual(["ends 1st", "ends 2nd", "ends 3rd"]);
  // The first ones wait for the client to be loaded, and the machine may be busy with other tests.
  expect(Math.min(...delays)).toBeLessThan(5_000);
  lab.proxy.setBlackhole(true);
  await writeFile(goFile, "");
  const { exitCode, stderr } = await running;
  lab.proxy.setBlackhole(false);
  lab.proxy.cut("rst");
  expect(exitCode).toBe(1);
  expect(stderr).toContain("send them with");
  await lab.sendSpool();
  expect(await lab.finishedRun(runId)).toMatchObject({
    state: RunState.FINISHED,
    totals: { resultCount: 5n, passedCount: 4n, failedCount: 1n },
  });
}

function milliseconds(
  given: { readonly seconds: bigint; readonly nanos: number } | undefined,
): number {
  return Number(given?.seconds ?? 0n) * 1000 + (given?.nanos ?? 0) / 1e6;
}
