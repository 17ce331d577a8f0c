/** What a reporter costs the build that it reports on: the same tests with it and without it, in pairs. */
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createTallyClient, type TallyClientOptions } from "../../src/client/index.js";
import { type Figure, quantile } from "../figure.js";
import { type Usage, usageOf } from "../process-tree.js";
import type { BenchServer } from "../server.js";
import { TESTS_PER_FILE, writeVitestProject } from "../vitest-project.js";

/** `reporter.vitest.cpu` and `reporter.vitest.memory`. */
export const reporterOverhead: Figure = {
  name: "reporter.vitest",
  description: "processor time and memory that the Vitest reporter adds to 20,000 tests",
  async measure(server, isSmoke) {
    const files = isSmoke ? 4 : 200;
    const count = isSmoke ? 1 : 7;
    // Below the packages of this repository, where Vitest is found.
    const folder = await mkdtemp(join(ROOT, "dist", "reporter-overhead-"));
    const pairs: Pair[] = [];
    try {
      await writeVitestProject(folder, files);
      for (let i = 0; i < count; i++) {
        pairs.push(await measurePair(server, folder, files * TESTS_PER_FILE, i % 2 === 0));
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
    const byRatio = pairs.toSorted((a, b) => ratio(a) - ratio(b));
    const middle = byRatio[Math.floor(byRatio.length / 2)];
    if (middle === undefined) throw new Error("nothing was measured");
    const tests = `${count} pairs of ${files * TESTS_PER_FILE} tests in ${files} files, by turns`;
    const ratios = byRatio.map((pair) => ratio(pair).toFixed(3)).join(" ");
    const extra = pairs.map((pair) => pair.with.peakBytes - pair.without.peakBytes);
    const without = pairs.map((pair) => pair.without.peakBytes);
    return [
      {
        name: "reporter.vitest.cpu",
        value: middle.with.cpuSeconds,
        unit: "s",
        limit: middle.without.cpuSeconds,
        conditions: `${tests}; processor time of Vitest and its workers, the middle pair; limit: without the reporter; all ratios: ${ratios}`,
      },
      {
        name: "reporter.vitest.memory",
        value: quantile(extra, 0.5) / 1e6,
        unit: "MB",
        limit: null,
        conditions: `${tests}; added to the highest resident memory of Vitest and its workers, ${Math.round(quantile(without, 0.5) / 1e6)} MB without it`,
      },
    ];
  },
};

interface Pair {
  readonly with: Usage;
  readonly without: Usage;
}

async function measurePair(
  server: BenchServer,
  folder: string,
  tests: number,
  reporterFirst: boolean,
): Promise<Pair> {
  const { token } = await server.newProject();
  const run = (env: Readonly<Record<string, string>>) =>
    usageOf([process.execPath, VITEST, "run"], folder, { PATH, HOME: folder, ...env });
  const reported = async () => {
    const tally = { TALLY_URL: server.url, TALLY_TOKEN: token, TALLY_RUN_ID: RUN };
    const usage = await run({ REPORTER, ...tally });
    await expectStored({ url: server.url, token }, tests);
    return usage;
  };
  if (reporterFirst) return { with: await reported(), without: await run({}) };
  const without = await run({});
  return { without, with: await reported() };
}

/** A reporter that reports nothing costs nothing. */
async function expectStored(server: TallyClientOptions, tests: number): Promise<void> {
  const { stats, close } = createTallyClient(server);
  const { run } = await stats.getRun({ runId: RUN });
  close();
  const stored = run?.totals?.passedCount ?? 0n;
  if (stored !== BigInt(tests)) throw new Error(`${stored} of ${tests} results were stored`);
}

function ratio(pair: Pair): number {
  return pair.with.cpuSeconds / pair.without.cpuSeconds;
}

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const VITEST = join(ROOT, "node_modules/vitest/vitest.mjs");
const REPORTER = join(ROOT, "dist/src/reporters/vitest.js");
const RUN = "overhead";
/** CI variables would be part of the run. */
const PATH = process.env["PATH"] ?? "";
