/** Stores a data set through the typed client, as its builds would: one part a shard, in the order of the runs. */
import { createTallyClient, uploadResults } from "../../src/client/index.js";
import { inFlight } from "../figure.js";
import { drawOf } from "../random.js";
import { JOBS } from "./catalog.js";
import type { Dataset, PlannedRun } from "./plan.js";
import { partResults } from "./results.js";

/** How many results were stored. */
export async function loadDataset(
  server: { readonly url: string },
  token: string,
  dataset: Dataset,
): Promise<number> {
  const client = createTallyClient({ url: server.url, token });
  let stored = 0;
  try {
    await inFlight(dataset.runs.length, RUNS_AT_A_TIME, async (i) => {
      const run = dataset.runs[i];
      if (run === undefined) return;
      for (const part of parts()) {
        const open = { run: runOf(run), part };
        const results = partResults(dataset, run, part.job, Math.max(0, part.shardIndex - 1));
        const finishTime = timeOf(run.startUs + partUs(dataset, run, part.shardIndex));
        const summary = await uploadResults(client, open, results, { finish: { finishTime } });
        if (summary.rejectedCount + summary.conflictCount > 0) {
          throw new Error(`refused: ${JSON.stringify(summary.rejections[0])}`);
        }
        stored += summary.acceptedCount;
      }
    });
  } finally {
    client.close();
  }
  return stored;
}

/** The parts of a run; a job that is not sharded has shard 0 of 0. */
function parts() {
  return JOBS.flatMap(({ job, shards }) =>
    Array.from({ length: shards }, (_, i) => ({
      job,
      shardIndex: shards === 1 ? 0 : i + 1,
      shardTotal: shards === 1 ? 0 : shards,
      producer: "bench",
    })),
  );
}

function runOf(run: PlannedRun) {
  return {
    runId: run.runId,
    startTime: timeOf(run.startUs),
    source: {
      repositoryUrl: "https://git.example.com/shop.git",
      commitSha: run.commitSha,
      treeSha: run.tree.treeSha,
      branch: run.branch,
      ...(run.branch === "main" ? {} : { baseBranch: "main" }),
    },
    framework: "vitest",
    labels: { trigger: run.isNightly ? "nightly" : run.branch === "main" ? "merge" : "push" },
  };
}

/** How long a part took: 6 to 14 minutes, whatever its tests say of themselves, since builds have more to do. */
function partUs({ options }: Dataset, run: PlannedRun, shardIndex: number): number {
  return Math.round((6 + 8 * drawOf(options.seed, run.index, shardIndex, 9)) * 60e6);
}

function timeOf(us: number) {
  return { seconds: BigInt(Math.floor(us / 1e6)), nanos: (us % 1e6) * 1000 };
}

const RUNS_AT_A_TIME = 2;
