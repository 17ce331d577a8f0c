/** How fast the stats answer, with a million and with ten million results, while more come in. */
import { Status } from "../../gen/tally/v1/run_pb.js";
import { Verdict } from "../../gen/tally/v1/stats_pb.js";
import { TestSort } from "../../gen/tally/v1/stats_service_pb.js";
import { createTallyClient, type TallyClient } from "../../src/client/index.js";
import { Connection } from "../../src/db/client.js";
import { loadDataset } from "../dataset/load.js";
import { type Dataset, planDataset } from "../dataset/plan.js";
import { flakyFailures } from "../dataset/truth.js";
import { type Figure, inFlight, type Measurement, quantile, secondsOf } from "../figure.js";
import { startLoad } from "../load/start-load.js";
import { seededRandom } from "../random.js";
import { type BenchProject, type BenchServer, residentMiB } from "../server.js";
import { untilEmpty } from "../until-empty.js";
import { measureDashboard } from "./dashboard.js";
import { statsCalls } from "./stats-calls.js";

const SEED = 11;
const DAYS = 90;
const CALLERS = 8;
const FEED_PER_SECOND = 5_000;
/** What is asked of each kind of call: that it is warm, and that whole rounds of folding go on beside it. */
const WARM_MS = 1_500;
const CALLS_MS = 6_000;

/** Figures of StatsService over data sets of two sizes. */
export const stats: Figure = {
  name: "stats",
  description: "p99 of what StatsService answers with 10 million results, and what it says of them",
  async measure(server, isSmoke) {
    const sizes = isSmoke ? [1_500, 8_000] : [1_000_000, 10_000_000];
    const tests = isSmoke ? 500 : 20_000;
    const hurry = isSmoke ? 0.01 : 1;
    const measured: Map<string, number[]>[] = [];
    const said: Measurement[] = [];
    await using db = new Connection({ url: server.databaseUrl, prepare: true });
    for (const results of sizes) {
      const endUs = Math.floor(Date.now() / 60_000) * 60e6;
      const dataset = planDataset({ seed: SEED, results, tests, days: DAYS, endUs });
      const project = await server.newProject();
      let stored = 0;
      const seconds = await secondsOf(async () => {
        stored = await loadDataset(server, project.token, dataset);
      });
      console.error(
        `stored ${stored} results of ${dataset.runs.length} runs in ${seconds.toFixed(0)} s`,
      );
      await using client = openClient(server, project);
      await untilFolded(client, dataset);
      await untilEmpty(db, "runs WHERE missing_due_at IS NOT NULL");
      if (results === sizes.at(-1)) {
        said.push(...(await compareWithTruth(client, dataset)));
        said.push(...(await measureDashboard(server, project, client, isSmoke ? 1 : 5)));
      }
      const load = {
        url: server.url,
        token: project.token,
        seed: SEED,
        tests,
        rate: FEED_PER_SECOND,
      };
      await using _feed = await startLoad("feed", load, 1);
      measured.push(await callAll(client, dataset, hurry));
      if (results === sizes.at(-1)) said.push(...(await measureVisible(client, isSmoke ? 2 : 10)));
    }
    const rss = await residentMiB(server.pid);
    return [...latencies(measured, sizes), ...said, memory(rss)];
  },
};

/** Milliseconds of every call, by its name; one kind after the other, each by all callers for a time. */
async function callAll(
  client: TallyClient,
  dataset: Dataset,
  hurry: number,
): Promise<Map<string, number[]>> {
  const random = seededRandom(SEED);
  const { tests } = await client.stats.listTests({ pageSize: 1000, sort: TestSort.LAST_SEEN });
  const testIds = tests.map(({ testId }) => testId);
  const times = new Map<string, number[]>();
  for (const call of statsCalls) {
    const callFor = async (ms: number) => {
      const own: number[] = [];
      const endAt = performance.now() + ms;
      await inFlight(CALLERS, CALLERS, async () => {
        do {
          own.push(1000 * (await secondsOf(() => call.make(client, dataset, random, testIds))));
        } while (performance.now() < endAt);
      });
      return own;
    };
    await callFor(hurry * WARM_MS);
    times.set(call.name, await callFor(hurry * CALLS_MS));
  }
  return times;
}

/** One measurement a figure: its slowest kind of call. */
function latencies(measured: readonly Map<string, number[]>[], sizes: readonly number[]) {
  const [small, large] = measured;
  const p99 = (times: Map<string, number[]> | undefined, name: string) =>
    quantile(times?.get(name) ?? [], 0.99);
  return [...new Set(statsCalls.map(({ figure }) => figure))].map((figure): Measurement => {
    const names = statsCalls.filter((call) => call.figure === figure).map(({ name }) => name);
    const slowest = names.reduce((a, b) => (p99(large, b) > p99(large, a) ? b : a));
    const all = names
      .map((name) => `${name} ${p99(large, name).toFixed(0)} (${p99(small, name).toFixed(0)})`)
      .join(", ");
    return {
      name: figure,
      value: p99(large, slowest),
      unit: "ms",
      limit: p99(small, slowest),
      conditions: `p99 of ${large?.get(slowest)?.length} calls, ${CALLERS} callers, ${sizes[1]} results in ${DAYS} days, ${FEED_PER_SECOND}/s coming in; limit: the same with ${sizes[0]}; slowest of: ${all}`,
    };
  });
}

/** Flaky tests as Tally tells them against those that the data set made. */
async function compareWithTruth(client: TallyClient, dataset: Dataset): Promise<Measurement[]> {
  const windowDays = 30;
  const today = Math.floor(Date.now() / 86_400_000);
  const truth = flakyFailures(dataset, today - windowDays + 1, today);
  const names = new Map(dataset.catalog.map(({ name, index }) => [name, index]));
  let [found, right, counted] = [0, 0, 0];
  for (let pageToken = "", isFirst = true; isFirst || pageToken !== ""; isFirst = false) {
    const page = await client.stats.listFlakyTests({ windowDays, pageToken, pageSize: 1000 });
    for (const { test } of page.tests) {
      const expected = truth.get(names.get(test?.test?.name ?? "") ?? -1);
      found++;
      if (expected !== undefined) right++;
      if (BigInt(expected ?? -1) === test?.figures?.flakeRate?.numerator) counted++;
      if (test?.verdict === Verdict.HEALTHY) throw new Error("a flaky test is called healthy");
    }
    pageToken = page.nextPageToken;
  }
  const conditions = `${truth.size} tests flaked in the last ${windowDays} days, ${found} were told, ${counted} with the right number of failures`;
  return [
    { name: "stats.flaky.precision", value: right / found, unit: "", limit: null, conditions },
    { name: "stats.flaky.recall", value: right / truth.size, unit: "", limit: null, conditions },
  ];
}

/** Seconds from the acknowledgement of a test's contradicting results to its flaky verdict. */
async function measureVisible(client: TallyClient, rounds: number): Promise<Measurement[]> {
  let [totals, verdict] = [0, 0];
  for (let round = 1; round <= rounds; round++) {
    const runId = `visible ${round}`;
    const test = { name: `seen in round ${round}` };
    await client.ingest.ingestRun({
      run: { runId },
      results: [
        { test, status: Status.FAILED, attempt: 1 },
        { test, status: Status.PASSED, attempt: 2 },
      ],
    });
    const acknowledgedAt = performance.now();
    const { run } = await client.stats.getRun({ runId });
    if (run?.totals?.resultCount !== 2n) totals = Number.POSITIVE_INFINITY;
    const { results } = await client.stats.listResults({ runId });
    const testId = results[0]?.testId ?? "";
    for (;;) {
      const history = await client.stats.getTestHistory({ testId });
      if (history.test?.verdict === Verdict.FLAKY) break;
    }
    verdict = Math.max(verdict, (performance.now() - acknowledgedAt) / 1000);
  }
  const conditions = `worst of ${rounds}, ${FEED_PER_SECOND} results/s coming in`;
  return [
    { name: "stats.visible.totals", value: totals, unit: "s", limit: null, conditions },
    { name: "stats.visible.verdict", value: verdict, unit: "s", limit: null, conditions },
  ];
}

const memory = (rss: number): Measurement => ({
  name: "stats.memory",
  value: rss,
  unit: "MiB",
  limit: null,
  conditions: "resident memory of the server after all of it",
});

/** Waits until the last run's results are in the figures of its tests. */
async function untilFolded({ stats }: TallyClient, dataset: Dataset): Promise<void> {
  const run = dataset.runs.at(-1);
  for (;;) {
    const { tests } = await stats.listTests({
      windowDays: 90,
      pageSize: 1,
      sort: TestSort.LAST_SEEN,
    });
    if (tests[0]?.lastRunId === run?.runId) return;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

function openClient(server: BenchServer, { token }: BenchProject) {
  const client = createTallyClient({ url: server.url, token });
  return Object.assign(client, { [Symbol.asyncDispose]: async () => client.close() });
}
