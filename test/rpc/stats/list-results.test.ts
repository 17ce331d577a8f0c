import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Status } from "../../../gen/tally/v1/run_pb.js";
import {
  type ListResultsRequestSchema,
  ResultView,
} from "../../../gen/tally/v1/stats_service_pb.js";
import { errorReason, fieldViolations, type TallyClient } from "../../../src/client/index.js";
import { failure } from "../../support/failure.js";
import { startTestServer, type TestServer } from "../../support/server.js";
import { settle } from "../../support/settle.js";

type Request = MessageInitShape<typeof ListResultsRequestSchema>;

let server: TestServer;
let other: TestServer;
let client: TallyClient;
/** Ids of tests by their names. */
const testIds = new Map<string, string>();
beforeAll(async () => {
  server = await startTestServer();
  other = await startTestServer({ databaseUrl: server.databaseUrl });
  client = server.client(server.allToken);
  for (const [part, sent] of parts) {
    await client.ingest.ingestRun({ run, part: { job: part }, results: sent });
  }
  await client.ingest.ingestRun({ run: { ...run, runId: "other" }, results: [full] });
  await client.ingest.ingestRun({ run: { ...run, status: Status.FAILED }, part: { job: "a" } });
  await client.ingest.ingestRun({ run, part: { job: "a" }, results: [late] });
  const { results } = await client.stats.listResults({ runId: "run", pageSize: 1000 });
  for (const { testId, result } of results) testIds.set(result?.test?.name ?? "", testId);
});
afterAll(async () => {
  await other[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const run = {
  runId: "run",
  source: { branch: "main", commitSha: "c0ffee" },
  startTime: timestampFromDate(new Date("2026-01-10T10:00:00Z")),
};
const STATUSES = [Status.PASSED, Status.FAILED, Status.ERRORED, Status.SKIPPED, Status.PRECLUDED];
const resultOf = (i: number, resultId: string) => ({
  resultId,
  test: {
    suite: `Suite ${i % 3}`,
    file: `dir/f${i % 4}.ts`,
    name: `test ${i}`,
    parameters: "50%_",
  },
  status: STATUSES[(i + resultId.length) % 5] ?? Status.PASSED,
});
/** Forty tests, each twice, by two jobs. */
const plain = Array.from({ length: 80 }, (_, i) => resultOf(i % 40, i < 40 ? "r" : "rr"));
const full = {
  resultId: "full",
  test: { name: "full", file: "Ünï.ts", variant: { os: "linux" } },
  status: Status.FAILED,
  rawStatus: "broken",
  attempt: 2,
  repeatIndex: 3,
  startTime: run.startTime,
  duration: { seconds: 1n, nanos: 5000 },
  failure: { kind: "k", message: "m", type: "T", trace: "t", expected: "e", actual: "a" },
  skipReason: "s",
  location: { file: "l", line: 7 },
  stdout: "o",
  stderr: "x".repeat(70_000),
  tags: { tag: "value" },
};
const late = { resultId: "late", test: { name: "late" }, status: Status.PASSED };
const parts: [string, object[]][] = [
  ["a", [...plain.slice(0, 50), full]],
  ["b", plain.slice(50)],
];
const all = [...plain, full, late];
type Sent = (typeof plain)[number] | typeof full | typeof late;

async function pages(request: Request, pageSize = 1000): Promise<string[]> {
  const found: string[] = [];
  let pageToken = "";
  do {
    const page = await client.stats.listResults({ ...request, pageSize, pageToken });
    expect(page.results.length).toBeLessThanOrEqual(pageSize);
    found.push(...page.results.map(({ result }) => `${result?.test?.name} ${result?.resultId}`));
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return found;
}
/** As the run has them: the order in which its tests were first seen, which is not what the client sent. */
const namesOf = (results: readonly Sent[]) =>
  results.map(({ test, resultId }) => `${test.name} ${resultId}`).sort();

const filters: [string, Request, (sent: Sent) => boolean][] = [
  ["nothing", {}, () => true],
  ["failures", { statuses: [Status.FAILED, Status.ERRORED] }, (r) => [2, 3].includes(r.status)],
  ["one failing status", { statuses: [Status.ERRORED, Status.ERRORED] }, (r) => r.status === 3],
  [
    "other statuses",
    { statuses: [Status.SKIPPED, Status.PASSED] },
    (r) => [1, 4].includes(r.status),
  ],
  ["all statuses", { statuses: STATUSES }, () => true],
  ["a name in another case", { text: "TEST 1" }, (r) => r.test.name.startsWith("test 1")],
  ["a suite", { text: "suite 2" }, (r) => "suite" in r.test && r.test.suite === "Suite 2"],
  ["a file", { text: "F3.TS" }, (r) => "file" in r.test && r.test.file.endsWith("f3.ts")],
  ["a file beyond ASCII", { text: "üNÏ" }, (r) => r.test.name === "full"],
  ["parameters with wildcards", { text: "0%_" }, (r) => "parameters" in r.test],
  ["wildcards alone", { text: "%t%" }, () => false],
  ["one wildcard", { text: "_" }, (r) => "parameters" in r.test],
  [
    "failures and a text",
    { statuses: [Status.FAILED, Status.ERRORED], text: "suite 1" },
    (r) => [2, 3].includes(r.status) && "suite" in r.test && r.test.suite === "Suite 1",
  ],
  [
    "a status and a text",
    { statuses: [Status.PASSED], text: "suite 1" },
    (r) => r.status === 1 && "suite" in r.test && r.test.suite === "Suite 1",
  ],
];

describe("the results of a run", () => {
  it.each(filters)("that match %s are listed, each once", async (_, filter, matches) => {
    const expected = namesOf(all.filter(matches));
    const found = await pages({ runId: "run", ...filter });
    expect([...found].sort()).toEqual(expected);
    expect(await pages({ runId: "run", ...filter }, 3)).toEqual(found);
  });

  it("stand by test, and those of one by result_id", async () => {
    const found = await pages({ runId: "run" });
    const tests = found.map((each) => each.replace(/ r+$| full$| late$/, ""));
    expect(new Set(tests).size).toBe(42);
    tests.forEach((test, i) => {
      if (test === tests[i - 1]) expect(found[i]?.endsWith(" rr")).toBe(true);
      else expect(tests.indexOf(test)).toBe(i);
    });
  });

  it("are of one test with its id", async () => {
    const request = { runId: "run", testId: testIds.get("test 7") ?? "" };
    expect(await pages(request)).toEqual(["test 7 r", "test 7 rr"]);
    expect(await pages(request, 1)).toEqual(["test 7 r", "test 7 rr"]);
    expect(await pages({ ...request, text: "suite 1" })).toHaveLength(2);
    expect(await pages({ ...request, text: "suite 2" })).toEqual([]);
    const { status } = plain[7] ?? full;
    expect(await pages({ ...request, statuses: [status] })).toEqual(["test 7 r"]);
  });

  it("come whole in the FULL view, and short in the BASIC one", async () => {
    const request = { runId: "run", testId: testIds.get("full") ?? "" };
    const { results: whole } = await client.stats.listResults({
      ...request,
      view: ResultView.FULL,
    });
    const test = { suite: "", parameters: "", ...full.test };
    expect(whole).toMatchObject([
      {
        runId: "run",
        testId: request.testId,
        part: { job: "a", attempt: 1, shardIndex: 0, shardTotal: 0, producer: "" },
        late: false,
        branch: "main",
        commitSha: "c0ffee",
        runStartTime: run.startTime,
        result: {
          ...full,
          test,
          stderr: "x".repeat(65_536),
          truncations: [{ field: "stderr", originalBytes: 70_000n }],
        },
      },
    ]);
    const { results: basic } = await client.stats.listResults(request);
    const { stdout, stderr, tags, ...rest } = full;
    expect(basic[0]?.result).toMatchObject({
      ...rest,
      test,
      failure: { kind: "k", message: "m", type: "T", trace: "", expected: "", actual: "" },
      stdout: "",
      stderr: "",
      tags: {},
      truncations: [{ field: "stderr" }],
    });
  });

  it("say whether they came late, and their part", async () => {
    const { results } = await client.stats.listResults({ runId: "run", text: "late" });
    expect(results).toMatchObject([
      { late: true, part: { job: "a" }, flaky: false, fingerprint: "" },
    ]);
  });

  it("are cut into pages of 3 MiB", async () => {
    const large = { stdout: "x".repeat(65_536), stderr: "y".repeat(65_536), status: Status.PASSED };
    const results = Array.from({ length: 30 }, (_, i) => ({ ...large, test: { name: `${i}` } }));
    await client.ingest.ingestRun({ run: { runId: "large" }, results });
    const sizes: number[] = [];
    let pageToken = "";
    do {
      const page = await client.stats.listResults({
        runId: "large",
        view: ResultView.FULL,
        pageToken,
      });
      sizes.push(page.results.length);
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    expect(sizes).toEqual([23, 7]);
  });
});

describe("the results of a test", () => {
  const at = (hour: number) => timestampFromDate(new Date(Date.UTC(2026, 1, 1, hour)));
  let testId: string;
  beforeAll(async () => {
    const test = { file: "history.ts", name: "history" };
    // Days are a day long, and runs 10 hours apart; the last one is sent first.
    for (const i of [8, 3, 0, 1, 2, 4, 5, 6, 7, 9]) {
      const results = ["b", "a"].map((resultId) => ({
        resultId,
        test,
        status: i % 4 === 1 && resultId === "a" ? Status.FAILED : Status.PASSED,
        ...(i % 4 === 1 && resultId === "a" ? { failure: { message: `no ${i}` } } : {}),
        stdout: `out ${i}`,
      }));
      const sent = { runId: `history ${i}`, startTime: at(10 * i) };
      await client.ingest.ingestRun({ run: sent, results });
    }
    await client.ingest.deleteRun({ runId: "history 4" });
    const { results } = await client.stats.listResults({ runId: "history 0" });
    testId = results[0]?.testId ?? "";
    await settle(server.databaseUrl);
  });
  const historyOf = async (request: Request, pageSize = 1000) => {
    const found: string[] = [];
    let pageToken = "";
    do {
      const page = await client.stats.listResults({ ...request, pageSize, pageToken });
      expect(page.results.length).toBeLessThanOrEqual(pageSize);
      found.push(...page.results.map(({ runId, result }) => `${runId} ${result?.resultId}`));
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    return found;
  };

  it("stand by run, the newest first, then by result_id", async () => {
    const expected = [9, 8, 7, 6, 5, 3, 2, 1, 0].flatMap((i) => [
      `history ${i} a`,
      `history ${i} b`,
    ]);
    expect(await historyOf({ testId })).toEqual(expected);
    expect(await historyOf({ testId }, 5)).toEqual(expected);
    expect(await historyOf({ testId, text: "HISTORY.ts" }, 5)).toEqual(expected);
    expect(await historyOf({ testId, text: "other" })).toEqual([]);
  });

  it("are those with a status, with their verdict and fingerprint", async () => {
    const request = { testId, statuses: [Status.FAILED] };
    expect(await historyOf(request, 1)).toEqual(["history 9 a", "history 5 a", "history 1 a"]);
    const { results } = await client.stats.listResults(request);
    // Each run has a passed result of the same job beside it, and the messages differ in a number alone.
    expect(results.map(({ flaky }) => flaky)).toEqual([true, true, true]);
    const [first] = results;
    expect(first?.fingerprint).toMatch(/^[0-9a-f]{16}$/);
    expect(new Set(results.map(({ fingerprint }) => fingerprint)).size).toBe(1);
    const { results: inRun } = await client.stats.listResults({ runId: "history 9", testId });
    expect(inRun[0]).toEqual(first);
    const { groups } = await client.stats.listFailureGroups({ runId: "history 9" });
    expect(groups.map(({ fingerprint }) => fingerprint)).toEqual([first?.fingerprint]);
  });

  it("come in the view that was asked for", async () => {
    const { results: basic } = await client.stats.listResults({ testId, pageSize: 1 });
    expect(basic[0]?.result).toMatchObject({ stdout: "", failure: { message: "no 9" } });
    const view = ResultView.FULL;
    const { results: whole } = await client.stats.listResults({ testId, view, pageSize: 1 });
    expect(whole[0]?.result).toMatchObject({ stdout: "out 9" });
  });
});

describe("ListResults", () => {
  it.each<[string[], Request]>([
    [["run_id"], {}],
    [["run_id"], { runId: "x".repeat(257) }],
    [["run_id"], { runId: " " }],
    [["test_id"], { testId: "x" }],
    [["test_id"], { testId: "A".repeat(32) }],
    [["statuses[1]"], { runId: "run", statuses: [1, 9 as Status] }],
    [["statuses[0]"], { runId: "run", statuses: [Status.UNSPECIFIED] }],
    [["text"], { runId: "run", text: "x".repeat(257) }],
    [["text"], { runId: "run", text: "\0" }],
    [["view"], { runId: "run", view: 9 as ResultView }],
    [["page_size"], { runId: "run", pageSize: -1 }],
    [["page_token"], { runId: "run", pageToken: "forged" }],
  ])("refuses %s", async (fields, request) => {
    const error = await failure(client.stats.listResults(request));
    expect(fieldViolations(error).map(({ field }) => field)).toEqual(fields);
  });

  it("does not find what is not there, is deleted, or is another project's", async () => {
    const reasonOf = async (request: Request, of = client) =>
      errorReason(await failure(of.stats.listResults(request)));
    expect(await reasonOf({ runId: "none" })).toBe("RUN_NOT_FOUND");
    expect(await reasonOf({ testId: "0".repeat(32) })).toBe("TEST_NOT_FOUND");
    expect(await reasonOf({ runId: "run", testId: "0".repeat(32) })).toBe("TEST_NOT_FOUND");
    const theirs = other.client(other.allToken);
    expect(await reasonOf({ runId: "run" }, theirs)).toBe("RUN_NOT_FOUND");
    const testId = testIds.get("full") ?? "";
    expect(await reasonOf({ testId }, theirs)).toBe("TEST_NOT_FOUND");
    await client.ingest.ingestRun({ run: { runId: "gone" }, results: [late] });
    // The servers know its key from then on.
    const elsewhere = other.client(server.allToken);
    for (const { stats } of [client, elsewhere]) {
      expect((await stats.listResults({ runId: "gone" })).results).toHaveLength(1);
      await stats.getRun({ runId: "gone" });
    }
    await client.ingest.deleteRun({ runId: "gone" });
    for (const of of [client, elsewhere]) {
      expect(await reasonOf({ runId: "gone" }, of)).toBe("RUN_NOT_FOUND");
      for (const call of [
        of.stats.getRun({ runId: "gone" }),
        of.stats.compareRuns({ baseRunId: "gone", headRunId: "run" }),
      ]) {
        expect(errorReason(await failure(call))).toBe("RUN_NOT_FOUND");
      }
    }
  });

  it("takes a token for its own search and project alone", async () => {
    const search = { runId: "run", statuses: [Status.FAILED, Status.PASSED], pageSize: 1 };
    const { nextPageToken: pageToken } = await client.stats.listResults(search);
    const same = { ...search, statuses: [Status.PASSED, Status.FAILED], view: ResultView.FULL };
    expect((await client.stats.listResults({ ...same, pageToken })).results).toHaveLength(1);
    for (const wrong of [{ runId: "other" }, { text: "x" }, { statuses: [Status.FAILED] }]) {
      const error = await failure(client.stats.listResults({ ...search, ...wrong, pageToken }));
      expect(fieldViolations(error).map(({ field }) => field)).toEqual(["page_token"]);
    }
  });
});
