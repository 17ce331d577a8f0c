/** What a build's page says of a run: what failed newly, what failed before too, what is flaky. */
import { setTimeout as sleep } from "node:timers/promises";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { type Run, RunState, Status, type Test } from "../../gen/tally/v1/run_pb.js";
import type { StoredResult, TestChange } from "../../gen/tally/v1/stats_pb.js";
import type { CompareRunsResponse } from "../../gen/tally/v1/stats_service_pb.js";
import { limits } from "../limits.js";
import type { Context } from "./context.js";

export interface RunSummary {
  readonly run: Run;
  /** The run that it is compared with; without one nothing is known to be new. */
  readonly base: Run | undefined;
  readonly newFailures: TestList;
  readonly otherFailures: TestList;
  /** Tests with a failure in this run that a pass of the same code contradicts. */
  readonly flaky: TestList;
}

export interface TestList {
  readonly count: bigint;
  /** The first ones, up to 1,000. */
  readonly tests: readonly ListedTest[];
}

export interface ListedTest {
  readonly testId: string;
  readonly test: Test | undefined;
  /** Of the failure. */
  readonly message: string;
}

type Reader = Pick<Context, "client" | "projectId">;

/**
 * Asks the server. The base is the last finished run before this one of the branch `baseBranch`, or where that is
 * empty of the branch that the change goes to, or of the run's own.
 */
export async function gatherSummary(
  reader: Reader,
  runId: string,
  baseBranch: string,
): Promise<RunSummary> {
  const { client, projectId } = reader;
  const { run } = await client.stats.getRun({ projectId, runId });
  if (run === undefined) throw new Error("the server answered no run");
  const branch = baseBranch || run.source?.baseBranch || run.source?.branch || "";
  const base = branch === "" ? undefined : await findBase(reader, run, branch);
  const compared = await client.stats.compareRuns({
    projectId,
    // Compared with itself, a run fails as it did before.
    baseRunId: base?.runId ?? runId,
    headRunId: runId,
    listSize: limits.pageSizeMax,
  });
  return {
    run,
    base,
    newFailures: newFailuresOf(compared),
    otherFailures: {
      count: compared.stillFailing?.count ?? 0n,
      tests: (compared.stillFailing?.changes ?? []).map(changedTest),
    },
    flaky: await listFlaky(reader, runId),
  };
}

async function findBase({ client, projectId }: Reader, run: Run, branch: string) {
  const { createTime, startTime = createTime } = run;
  // A run that claims to start later counts at its receipt.
  const late =
    createTime !== undefined &&
    startTime !== undefined &&
    timestampMs(startTime) > timestampMs(createTime);
  const endTime = late ? createTime : startTime;
  const { runs } = await client.stats.listRuns({
    projectId,
    branch,
    state: RunState.FINISHED,
    ...(endTime === undefined ? {} : { endTime }),
    pageSize: 2,
  });
  return runs.find(({ runId }) => runId !== run.runId);
}

function newFailuresOf({ newlyFailing, added, addedFailingCount }: CompareRunsResponse): TestList {
  const failed = (added?.changes ?? []).filter(
    ({ headStatus }) => headStatus === Status.FAILED || headStatus === Status.ERRORED,
  );
  return {
    count: (newlyFailing?.count ?? 0n) + addedFailingCount,
    tests: [...(newlyFailing?.changes ?? []), ...failed].map(changedTest),
  };
}

function changedTest({ testId, test, failureMessage }: TestChange): ListedTest {
  return { testId, test, message: failureMessage };
}

/** What is flaky is known seconds after the upload, and so is the fingerprint of a failure, which tells that it is. */
async function listFlaky(reader: Reader, runId: string): Promise<TestList> {
  let failed = await listFailed(reader, runId);
  for (let waits = 0; waits < MAX_WAITS && failed.some(isUnjudged); waits++) {
    await sleep(WAIT_MS);
    failed = await listFailed(reader, runId);
  }
  const tests = new Map<string, ListedTest>();
  for (const { testId, result, flaky } of failed) {
    const { test, failure } = result ?? {};
    if (flaky) tests.set(testId, { testId, test, message: failure?.message ?? "" });
  }
  return { count: BigInt(tests.size), tests: [...tests.values()] };
}

function isUnjudged({ fingerprint }: StoredResult): boolean {
  return fingerprint === "";
}

/** The first 5,000: a run with more failures has other worries. */
async function listFailed({ client, projectId }: Reader, runId: string): Promise<StoredResult[]> {
  const found: StoredResult[] = [];
  let pageToken = "";
  for (let page = 0; page < MAX_PAGES; page++) {
    const answer = await client.stats.listResults({
      projectId,
      runId,
      statuses: [Status.FAILED],
      pageSize: limits.pageSizeMax,
      pageToken,
    });
    found.push(...answer.results);
    pageToken = answer.nextPageToken;
    if (pageToken === "") break;
  }
  return found;
}

const MAX_PAGES = 5;
const MAX_WAITS = 12;
const WAIT_MS = 500;
