/** What calls for one run add up to: its labels, its parts, and the answer that lists them. */
import { create, toBinary } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { IngestRunRequestSchema } from "../../../gen/tally/v1/ingest_service_pb.js";
import { RejectionReason } from "../../../gen/tally/v1/rejection_pb.js";
import { ReplayOutcome } from "../../../gen/tally/v1/rejection_service_pb.js";
import { RunSchema, RunState, Status } from "../../../gen/tally/v1/run_pb.js";
import { GetRunResponseSchema } from "../../../gen/tally/v1/stats_service_pb.js";
import {
  errorReason,
  fieldViolations,
  retryAfterMs,
  type TallyClient,
  uploadResults,
} from "../../../src/client/index.js";
import { Connection } from "../../../src/db/client.js";
import { limits } from "../../../src/limits.js";
import { failure } from "../../support/failure.js";
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

describe("parts of a run", () => {
  it("beyond 20,000 are refused for good, and nothing of their call is stored", async () => {
    await here.ingest.ingestRun({ run: { runId } });
    await addParts(limits.runParts - 2);
    const send = (client: TallyClient, job: string) =>
      client.ingest.ingestRun({
        run: { runId, source: { branch: job } },
        part: { job },
        results: [result(job)],
      });
    await send(here, "last");
    for (const client of [here, there]) {
      const error = await failure(send(client, "one more"));
      expect(error.code).toBe(Code.FailedPrecondition);
      expect(errorReason(error)).toBe("TOO_MANY_PARTS");
      expect(retryAfterMs(error)).toBeUndefined();
      expect(fieldViolations(error)).toEqual([
        { field: "part", description: "is new, and the run has 20,000 parts, the most" },
      ]);
    }
    // Those that it has take results as ever, and finish.
    await send(there, "last");
    const finish = { runId, status: Status.PASSED };
    await here.ingest.ingestRun({ run: finish, part: { job: "last" }, results: [result("late")] });
    const { run, parts } = await there.stats.getRun({ runId });
    expect(run).toMatchObject({ source: { branch: "last" }, totals: { resultCount: 2n } });
    expect(parts).toHaveLength(limits.runParts);
    expect(await rejections()).toEqual([]);
  });

  it("beyond 20,000 end a stream before anything is sent, and the client does not come again", async () => {
    await here.ingest.ingestRun({ run: { runId } });
    await addParts(limits.runParts - 1);
    const target = { run: { runId }, part: { producer: "new" } };
    const error = await failure(uploadResults(here, target, [result("x")]));
    expect(errorReason(error)).toBe("TOO_MANY_PARTS");
    expect(fieldViolations(error)).toMatchObject([{ field: "open.part" }]);
    // The first part was no stream's: it may become one.
    await uploadResults(there, { run: { runId } }, [result("x")]);
    expect((await storedRun()).totals?.resultCount).toBe(1n);
  });

  it("are counted, however often the run has changed", async () => {
    await here.ingest.ingestRun({ run: { runId } });
    await run("UPDATE runs SET state_version = 100000 WHERE run_id = $1", runId);
    for (const job of ["a", "b"]) await here.ingest.ingestRun({ run: { runId }, part: { job } });
    expect((await there.stats.getRun({ runId })).parts).toHaveLength(3);
  });

  it("exceed their bound by no more than came at once, and each call is told the truth", async () => {
    await here.ingest.ingestRun({ run: { runId } });
    const room = 5;
    await addParts(limits.runParts - 1 - room);
    const calls = Array.from({ length: 24 }, (_, i) =>
      (i % 2 ? here : there).ingest
        .ingestRun({ run: { runId }, part: { job: `new ${i}` }, results: [result(`${i}`)] })
        .then(
          () => true,
          (error: unknown) => errorReason(error),
        ),
    );
    const answers = await Promise.all(calls);
    const taken = answers.filter((answer) => answer === true).length;
    expect(answers.filter((answer) => answer === "TOO_MANY_PARTS")).toHaveLength(24 - taken);
    const readers = 2 * 8;
    expect(taken).toBeGreaterThanOrEqual(room);
    expect(taken).toBeLessThan(room + readers);
    const { run: stored, parts } = await there.stats.getRun({ runId });
    expect(parts).toHaveLength(limits.runParts - room + taken);
    expect(stored?.totals?.resultCount).toBe(BigInt(taken));
  });
});

describe("GetRun", () => {
  it("answers a run with as many parts as it may have to clients that take 4 MiB", async () => {
    await here.ingest.ingestRun({ run: { runId } });
    await addParts(limits.runParts - 1);
    const answer = await there.stats.getRun({ runId });
    expect(answer).toMatchObject({ partsTruncated: false });
    expect(answer.parts).toHaveLength(limits.runParts);
    expect(toBinary(GetRunResponseSchema, answer).length).toBeLessThan(limits.messageBytes);
  });

  it("lists the first parts where their names are longer than 1 MiB together", async () => {
    await here.ingest.ingestRun({ run: { runId }, results: [result("x")] });
    await addParts(2_000, 1024);
    const answer = await there.stats.getRun({ runId });
    expect(answer).toMatchObject({ partsTruncated: true });
    // The first has no name, and its job comes first.
    expect(answer.parts).toHaveLength(1 + 1024);
    expect(answer.run).toMatchObject({ state: RunState.RUNNING, totals: { resultCount: 1n } });
  });
});

/** So many more parts of the run, stored as calls would have; their jobs have names of so many bytes. */
async function addParts(count: number, jobBytes = 20): Promise<void> {
  await run(
    `WITH added AS (
      INSERT INTO run_parts (
        project_key, run_key, part_id, job, attempt, shard_index, shard_total, producer, streamed
      )
      SELECT
        project_key, run_key, decode(md5(run_id || i), 'hex'), lpad(i::text, $3::int, '0'), 1, 0, 0, '', false
      FROM runs, generate_series(1, $2::int) AS i
      WHERE run_id = $1
    )
    UPDATE runs SET state_version = state_version + $2::int WHERE run_id = $1`,
    runId,
    count,
    jobBytes,
  );
}

async function run(text: string, ...params: (string | number)[]): Promise<void> {
  await using db = new Connection({ url: server.databaseUrl, prepare: false });
  await db.query(text, params);
}
