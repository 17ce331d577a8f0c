/** What calls for one run add up to: its labels. */
import { create, toBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { IngestRunRequestSchema } from "../../../gen/tally/v1/ingest_service_pb.js";
import { RejectionReason } from "../../../gen/tally/v1/rejection_pb.js";
import { ReplayOutcome } from "../../../gen/tally/v1/rejection_service_pb.js";
import { RunSchema, Status } from "../../../gen/tally/v1/run_pb.js";
import { type TallyClient, uploadResults } from "../../../src/client/index.js";
import { startTestServer, type TestServer } from "../../support/server.js";

let server: TestServer;
let other: TestServer;
let here: TallyClient;
let there: TallyClient;
beforeAll(async () => {
  server = await startTestServer();
  other = await startTestServer({ databaseUrl: server.databaseUrl });
  here = server.client(server.allToken);
  there = other.client(server.allToken);
});
afterAll(async () => {
  await other[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

let runId: string;
beforeEach(({ task }) => {
  runId = task.name;
});

const result = (name: string) => ({ test: { suite: "s", name }, status: Status.PASSED });
/** `name 00`, `name 01`, and so on. */
const labelsOf = (name: string, count: number) =>
  Object.fromEntries(
    Array.from({ length: count }, (_, i) => [`${name} ${String(i).padStart(2, "0")}`, name]),
  );
const fieldOf = (key: string) => `labels[${JSON.stringify(key)}]`;
const fieldsOf = (labels: object) => Object.keys(labels).map(fieldOf);
const storedRun = async () => {
  const { run } = await there.stats.getRun({ runId });
  if (run === undefined) throw new Error("there is no run");
  return run;
};
const rejections = async () =>
  (await here.rejections.listRejections({ filter: { runId } })).rejections;

describe("labels of a run", () => {
  const first = labelsOf("a", 40);
  const more = labelsOf("b", 40);
  const kept = Object.fromEntries(Object.entries(more).slice(0, 24));
  const left = Object.keys(more).slice(24).map(fieldOf);

  it("beyond 64 over all calls are left out and named, and no result is refused for them", async () => {
    await here.ingest.ingestRun({ run: { runId, labels: first } });
    const source = { branch: "main" };
    const request = { run: { runId, labels: more, source }, results: [result("x")] };
    const answer = await here.ingest.ingestRun(request);
    expect(answer).toMatchObject({ acceptedCount: 1n, rejectedCount: 0n, runConflict: left });
    for (const client of [here, there]) {
      const again = await client.ingest.ingestRun(request);
      expect(again).toMatchObject({ duplicateCount: 1n, rejectedCount: 0n, runConflict: left });
    }
    const run = await storedRun();
    expect(run.labels).toEqual({ ...first, ...kept });
    expect(run.source?.branch).toBe("main");
    expect(run.totals?.resultCount).toBe(1n);
  });

  it("that find no room are kept with their call, and take room that another run has", async () => {
    await here.ingest.ingestRun({ run: { runId, labels: { ...first, ...kept } } });
    await here.ingest.ingestRun({ run: { runId, labels: { "a 00": "y", late: "x" } } });
    const [rejection] = await rejections();
    const violations = [
      { field: 'run.labels["a 00"]', description: "is stored with another value; the first stays" },
      { field: 'run.labels["late"]', description: "is left out: the run has 64 labels, the most" },
    ];
    expect(rejection).toMatchObject({ reason: RejectionReason.CONFLICT });
    const shown = (given: readonly { field: string; description: string }[] = []) =>
      given.map(({ field, description }) => ({ field, description }));
    expect(shown(rejection?.fieldViolations)).toEqual(violations);
    const rejectionId = rejection?.rejectionId ?? "";
    const again = await here.rejections.replayRejections({ entries: [{ rejectionId }] });
    expect(again.results).toMatchObject([{ outcome: ReplayOutcome.CONFLICT }]);
    expect(shown(again.results[0]?.fieldViolations)).toEqual(violations);
    const mended = create(IngestRunRequestSchema, {
      run: create(RunSchema, { runId: `${runId}: another`, labels: { late: "x" } }),
    });
    const value = toBinary(IngestRunRequestSchema, mended);
    const replacement = { case: "ingestRunRequest" as const, value };
    const moved = await here.rejections.replayRejections({
      entries: [{ rejectionId, replacement }],
    });
    expect(moved.results).toMatchObject([{ outcome: ReplayOutcome.ACCEPTED }]);
  });

  it("that are stored already need no room", async () => {
    await here.ingest.ingestRun({ run: { runId, labels: { ...first, ...kept } } });
    const answer = await here.ingest.ingestRun({ run: { runId, labels: kept } });
    expect(answer.runConflict).toEqual([]);
    expect(await rejections()).toEqual([]);
  });

  it("that come in a stream are left out too, and what follows is stored", async () => {
    await here.ingest.ingestRun({ run: { runId, labels: first } });
    const summary = await uploadResults(here, { run: { runId, labels: more } }, [result("x")]);
    expect(summary).toMatchObject({ acceptedCount: 1, rejectedCount: 0, runConflict: left });
    expect(Object.keys((await storedRun()).labels)).toHaveLength(64);
  });

  it("never exceed 64, however many bring them at once, and each call is told what is not stored", async () => {
    await here.ingest.ingestRun({ run: { runId } });
    const sent = Array.from({ length: 12 }, (_, i) => labelsOf(`call ${i}`, 20));
    const answers = await Promise.all(
      sent.map((labels, i) => (i % 2 ? here : there).ingest.ingestRun({ run: { runId, labels } })),
    );
    const { labels } = await storedRun();
    expect(Object.keys(labels)).toHaveLength(64);
    const fields = fieldsOf(labels);
    answers.forEach(({ runConflict }, i) => {
      const absent = fieldsOf(sent[i] ?? {}).filter((field) => !fields.includes(field));
      expect(runConflict).toEqual(absent);
    });
  });
});
