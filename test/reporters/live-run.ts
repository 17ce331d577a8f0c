/** A run whose results are seen while it goes on, and kept once the server is gone. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect } from "vitest";
import { RunState } from "../../gen/tally/v1/run_pb.js";
import type { ProjectRun, ReporterLab } from "./reporter-lab.js";

/** Starting a framework takes many seconds on a machine that does much else. */
const PATIENCE = { timeout: 60_000, interval: 20 };

/**
 * Runs the tests of a project's folder `live`, of which the last one fails. They wait for words in FIXTURE_OUT: the second
 * until the first is seen, then it tells when it ends; the third until it may go on. `start` runs them as `runId`.
 */
export async function expectLiveAndKept(
  lab: ReporterLab,
  runId: string,
  start: (env: Record<string, string>) => Promise<ProjectRun>,
): Promise<void> {
  const out = join(dirname(lab.spoolDir), `live ${runId}`);
  await mkdir(out);
  const running = start({ FIXTURE_OUT: out });
  const early = async () =>
    (await lab.results(runId).catch(() => [])).map(({ test }) => test?.name);
  await expect.poll(early, PATIENCE).toEqual(["begins"]);
  await writeFile(join(out, "seen"), "");
  await expect.poll(early, PATIENCE).toEqual(["begins", "ends"]);
  const delayMs = Date.now() - Number(await readFile(join(out, "ended"), "utf8"));
  expect(delayMs).toBeLessThan(5_000);
  lab.proxy.setBlackhole(true);
  await writeFile(join(out, "go"), "");
  const { exitCode, stderr } = await running;
  lab.proxy.setBlackhole(false);
  lab.proxy.cut("rst");
  expect(exitCode).toBe(1);
  expect(stderr).toContain('send them with "tally spool send"');
  expect(await lab.sendSpool()).toMatchObject([{ outcome: "sent" }]);
  expect(await lab.finishedRun(runId)).toMatchObject({
    state: RunState.FINISHED,
    totals: { resultCount: 24n, passedCount: 23n, failedCount: 1n, conflictCount: 0n },
  });
}
