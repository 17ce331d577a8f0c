import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RunState, Status } from "../../../gen/tally/v1/run_pb.js";
import type { ListRunsRequestSchema } from "../../../gen/tally/v1/stats_service_pb.js";
import { fieldViolations, type TallyClient } from "../../../src/client/index.js";
import { failure } from "../../support/failure.js";
import { startTestServer, type TestServer } from "../../support/server.js";

type Request = MessageInitShape<typeof ListRunsRequestSchema>;

let server: TestServer;
let other: TestServer;
let client: TallyClient;
beforeAll(async () => {
  server = await startTestServer();
  other = await startTestServer({ databaseUrl: server.databaseUrl });
  client = server.client(server.allToken);
  for (const run of runs) await client.ingest.ingestRun(run);
  const theirs = { runId: "theirs", status: Status.PASSED, source: { branch: "main" } };
  await other.client(other.allToken).ingest.ingestRun({ run: theirs });
});
afterAll(async () => {
  await other[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const at = (time: string) => timestampFromDate(new Date(time));
const STARTS = ["2026-01-10T10:00:00Z", "2026-01-11T10:00:00Z", "2026-01-11T10:00:00Z"];
/** Twelve runs of two branches and four commits; of each three, two start at the same time. */
const runs = Array.from({ length: 12 }, (_, i) => {
  const status = i % 4 === 3 ? undefined : i % 4 === 2 ? Status.FAILED : Status.PASSED;
  return {
    run: {
      runId: `run ${String.fromCharCode(97 + i)}`,
      source: { branch: i % 2 === 0 ? "main" : "x_%", commitSha: `c${i % 5}` },
      startTime: at(STARTS[i % 3] ?? ""),
      labels: { os: i % 3 === 0 ? "linux" : "mac", even: String(i % 2 === 0), "a%": "_" },
      ...(status === undefined ? {} : { status }),
    },
    results: [{ test: { name: "t" }, status: status ?? Status.ERRORED }],
  };
});
type Sent = (typeof runs)[number]["run"];
const stateOf = ({ status }: Sent) => (status === undefined ? RunState.RUNNING : RunState.FINISHED);

const idsOf = (matches: (run: Sent) => boolean) =>
  runs
    .map(({ run }) => run)
    .filter(matches)
    .sort(
      (a, b) => Number(b.startTime.seconds - a.startTime.seconds) || (b.runId < a.runId ? -1 : 1),
    )
    .map(({ runId }) => runId);

async function pages(request: Request, pageSize: number): Promise<string[]> {
  const found: string[] = [];
  let pageToken = "";
  do {
    const page = await client.stats.listRuns({ ...request, pageSize, pageToken });
    expect(page.runs.length).toBeLessThanOrEqual(pageSize);
    found.push(...page.runs.map(({ runId }) => runId));
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return found;
}

const filters: [string, Request, (run: Sent) => boolean][] = [
  ["nothing", {}, () => true],
  ["a branch", { branch: "main" }, (run) => run.source.branch === "main"],
  ["a branch with wildcards", { branch: "x_%" }, (run) => run.source.branch === "x_%"],
  ["wildcards of nothing", { branch: "%" }, () => false],
  ["a commit", { commitSha: "c1" }, (run) => run.source.commitSha === "c1"],
  ["a state", { state: RunState.RUNNING }, (run) => run.status === undefined],
  ["a status", { status: Status.FAILED }, (run) => run.status === Status.FAILED],
  [
    "labels",
    { labels: { os: "linux", even: "true" } },
    (run) => run.labels.os === "linux" && run.labels.even === "true",
  ],
  ["labels with wildcards", { labels: { "a%": "_" } }, () => true],
  ["a label of nothing", { labels: { "a%": "%" } }, () => false],
  [
    "a time",
    { startTime: at("2026-01-11T00:00:00Z") },
    (run) => run.startTime.seconds > at("2026-01-11T00:00:00Z").seconds,
  ],
  [
    "until a time",
    { endTime: at(STARTS[1] ?? "") },
    (run) => run.startTime.seconds < at(STARTS[1] ?? "").seconds,
  ],
  [
    "all at once",
    {
      branch: "main",
      commitSha: "c0",
      state: RunState.FINISHED,
      status: Status.PASSED,
      labels: { even: "true" },
      startTime: at(STARTS[0] ?? ""),
      endTime: at("2026-01-11T10:00:01Z"),
    },
    (run) =>
      run.source.branch === "main" && run.source.commitSha === "c0" && run.status === Status.PASSED,
  ],
];

describe("ListRuns", () => {
  it.each(filters)("lists those that match %s, newest first", async (_, request, matches) => {
    const expected = idsOf(matches);
    expect(await pages(request, 1000)).toEqual(expected);
    expect(await pages(request, 2)).toEqual(expected);
  });

  it("shows each as GetRun does", async () => {
    const { runs: listed } = await client.stats.listRuns({});
    expect(listed).toHaveLength(12);
    for (const run of listed) {
      expect(run).toEqual((await client.stats.getRun({ runId: run.runId })).run);
      const sent = runs.find((each) => each.run.runId === run.runId)?.run;
      expect(run).toMatchObject({
        state: sent === undefined ? undefined : stateOf(sent),
        status: sent?.status ?? Status.ERRORED,
        labels: sent?.labels,
      });
    }
  });

  it("ends a page at 3 MiB of texts, and loses none", { timeout: 60_000 }, async () => {
    const { organizationId } = server;
    const admin = server.client();
    const { project } = await admin.tenancy.createProject({ organizationId, name: "texts" });
    const projectId = project?.projectId ?? "";
    const labels = Object.fromEntries(
      Array.from({ length: 64 }, (_, i) => [`${i}`, "é".repeat(128)]),
    );
    const ids = Array.from({ length: 300 }, (_, i) => `run ${1000 + i}`);
    await Promise.all(
      ids.map((runId) => admin.ingest.ingestRun({ projectId, run: { runId, labels } })),
    );
    const found: string[] = [];
    const sizes: number[] = [];
    let pageToken = "";
    do {
      const page = await admin.stats.listRuns({ projectId, pageSize: 1000, pageToken });
      found.push(...page.runs.map(({ runId }) => runId));
      sizes.push(page.runs.length);
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    expect(found.sort()).toEqual(ids);
    // 16.5 KiB each.
    expect(sizes[0]).toBeGreaterThan(150);
    expect(sizes[0]).toBeLessThan(200);
  });

  it("takes a token for its own filter and project alone, and no forged one", async () => {
    const request = { labels: { os: "linux", even: "true" }, pageSize: 1 };
    const { nextPageToken: pageToken } = await client.stats.listRuns(request);
    expect(pageToken).not.toBe("");
    const sameInOtherOrder = { labels: { even: "true", os: "linux" }, pageSize: 1, pageToken };
    expect((await client.stats.listRuns(sameInOtherOrder)).runs).toHaveLength(1);
    const forged = Buffer.from(pageToken, "base64url");
    forged.writeUInt8(forged.readUInt8(20) ^ 1, 20);
    for (const wrong of [
      { pageToken },
      { ...request, branch: "main", pageToken },
      { labels: { os: "linux" }, pageToken },
      { ...request, pageToken: forged.toString("base64url") },
      { ...request, pageToken: "x" },
    ]) {
      const error = await failure(client.stats.listRuns(wrong));
      expect(fieldViolations(error).map(({ field }) => field)).toEqual(["page_token"]);
    }
    const theirs = other.client(other.allToken).stats.listRuns({ ...request, pageToken });
    expect(fieldViolations(await failure(theirs))).toHaveLength(1);
  });

  it.each<[string[], Request]>([
    [["branch"], { branch: "x".repeat(1025) }],
    [["branch"], { branch: "\0" }],
    [["commit_sha"], { commitSha: "x".repeat(1025) }],
    [["state"], { state: 9 as RunState }],
    [["status"], { status: 9 as Status }],
    [["status"], { status: Status.PRECLUDED }],
    [["page_size"], { pageSize: -1 }],
    [
      ["labels"],
      { labels: Object.fromEntries(Array.from({ length: 11 }, (_, i) => [`${i}`, ""])) },
    ],
    [['labels["a"]'], { labels: { a: "x".repeat(257) } }],
    [["start_time"], { startTime: { seconds: -1n } }],
    [["end_time"], { startTime: at("2026-01-11T00:00:00Z"), endTime: at("2026-01-11T00:00:00Z") }],
    [["branch", "state"], { branch: "\0", state: -1 as RunState }],
  ])("refuses %s", async (fields, request) => {
    const error = await failure(client.stats.listRuns(request));
    expect(fieldViolations(error).map(({ field }) => field)).toEqual(fields);
  });
});
