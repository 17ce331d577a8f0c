import { setTimeout as sleep } from "node:timers/promises";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  FinishRunRequestSchema,
  IngestRunRequestSchema,
} from "../../gen/tally/v1/ingest_service_pb.js";
import { RejectionKind, RejectionReason, RejectionState } from "../../gen/tally/v1/rejection_pb.js";
import {
  ListRejectionsResponseSchema,
  ReplayOutcome,
} from "../../gen/tally/v1/rejection_service_pb.js";
import { RunState, Status } from "../../gen/tally/v1/run_pb.js";
import { errorMetadata, errorReason } from "../../src/client/index.js";
import { Connection } from "../../src/db/client.js";
import { failure } from "../support/failure.js";
import { keepRejections } from "../support/kept-rejections.js";
import { countLockWaiters } from "../support/lock-waiters.js";
import { startTestServer, type TestServer } from "../support/server.js";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server[Symbol.asyncDispose]());
const client = () => server.client(server.allToken);

const named = (name: string, status = Status.PASSED) => ({ test: { suite: "s", name }, status });

/** Sends a run of one good and one bad result, which announces both; the id of the refused one. */
async function refuse(runId: string): Promise<string> {
  const answer = await client().ingest.ingestRun({
    run: { runId, status: Status.PASSED },
    results: [named("good"), named("")],
    expectedResultCount: 2n,
  });
  return answer.rejections[0]?.rejectionId ?? "";
}

describe("a refused result", () => {
  it("is listed with what is wrong, and grows its count when it comes again", async () => {
    const id = await refuse("listed");
    expect(await refuse("listed")).toBe(id);
    const { rejections } = await client().rejections.listRejections({
      filter: { runId: "listed" },
    });
    expect(rejections).toMatchObject([
      {
        rejectionId: id,
        kind: RejectionKind.RESULT,
        reason: RejectionReason.INVALID,
        state: RejectionState.OPEN,
        fieldViolations: [{ field: "test.name", description: "is required" }],
        index: 1n,
        repeatCount: 2n,
        item: { case: "result", value: { test: { suite: "s" } } },
      },
    ]);
  });

  it("does not make its run incomplete, and is counted once", async () => {
    await refuse("kept");
    await refuse("kept");
    const { run, parts } = await client().stats.getRun({ runId: "kept" });
    expect(run).toMatchObject({
      state: RunState.FINISHED,
      totals: { resultCount: 1n, rejectedCount: 1n },
    });
    expect(parts[0]).toMatchObject({ rejectedCount: 1n, missingCount: 0n });
  });

  it("is judged, mended, stored and resolved, once and only once", async () => {
    const rejectionId = await refuse("mended");
    const { rejections, stats } = client();
    const replay = async (entry: object, validateOnly = false) => {
      const entries = [{ rejectionId, ...entry }];
      const { results } = await rejections.replayRejections({ entries, validateOnly });
      return ReplayOutcome[results[0]?.outcome ?? 0];
    };
    const mended = { replacement: { case: "result", value: named("mended") } };
    expect(await replay({})).toBe("REJECTED");
    expect(await replay(mended, true)).toBe("ACCEPTED");
    expect((await stats.getRun({ runId: "mended" })).run?.totals?.resultCount).toBe(1n);
    const racing = await Promise.all([replay(mended), replay(mended), replay(mended)]);
    expect(racing.filter((outcome) => outcome === "ACCEPTED")).toHaveLength(1);
    expect(racing).not.toContain("REJECTED");
    expect(await replay(mended)).toBe("ALREADY_CLOSED");
    const { run } = await stats.getRun({ runId: "mended" });
    expect(run).toMatchObject({
      state: RunState.FINISHED,
      totals: { resultCount: 2n, rejectedCount: 0n },
    });
    const filter = { runId: "mended", state: RejectionState.RESOLVED };
    const { rejections: resolved } = await rejections.listRejections({ filter });
    expect(resolved.map((each) => each.rejectionId)).toEqual([rejectionId]);
  });

  it("is mended once where calls to several servers race", async () => {
    await using other = await startTestServer({ databaseUrl: server.databaseUrl });
    const clients = [client(), other.client(server.allToken)];
    for (const round of [1, 2, 3]) {
      const runId = `raced for ${round}`;
      const rejectionId = await refuse(runId);
      const answers = await Promise.all(
        [...clients, ...clients].map(({ rejections }, i) => {
          const replacement = { case: "result", value: named(`mended ${i}`) } as const;
          return rejections.replayRejections({ entries: [{ rejectionId, replacement }] });
        }),
      );
      const { ACCEPTED, ALREADY_CLOSED } = ReplayOutcome;
      const outcomes = answers.flatMap(({ results }) => results.map(({ outcome }) => outcome));
      expect(outcomes.toSorted((a, b) => a - b)).toEqual(
        [ACCEPTED, ALREADY_CLOSED, ALREADY_CLOSED, ALREADY_CLOSED].toSorted((a, b) => a - b),
      );
      const { run } = await client().stats.getRun({ runId });
      expect(run?.totals?.resultCount).toBe(2n);
    }
  });

  it("is mended or dismissed where both are asked for at the same time", async () => {
    await using other = await startTestServer({ databaseUrl: server.databaseUrl });
    const { rejections, stats } = client();
    const { rejections: elsewhere } = other.client(server.allToken);
    await using locker = new Connection({ url: server.databaseUrl, prepare: false });
    await using watcher = new Connection({ url: server.databaseUrl, prepare: false });
    const waiters = (count: number) =>
      expect.poll(() => countLockWaiters(watcher), { timeout: 20_000 }).toBe(count);
    const stateOf = async (rejectionId: string) =>
      (await rejections.getRejection({ rejectionId })).rejection?.state;
    const replay = async (rejectionId: string, name: string) => {
      const replacement = { case: "result", value: named(name, Status.FAILED) } as const;
      const { results } = await rejections.replayRejections({
        entries: [{ rejectionId, replacement }],
      });
      return results[0]?.outcome;
    };
    const { ACCEPTED, CONFLICT, ALREADY_CLOSED } = ReplayOutcome;
    // While what is to replace it is stored, a dismissal waits: only what stays refused is dismissed.
    for (const [name, outcome, dismissedCount] of [
      ["mended", ACCEPTED, 0],
      ["good", CONFLICT, 1],
    ] as const) {
      const rejectionId = await refuse(`dismissed with ${name}`);
      await locker.run("BEGIN; LOCK TABLE results IN SHARE MODE");
      const replayed = replay(rejectionId, name);
      await waiters(1);
      const dismissed = elsewhere.dismissRejections({ rejectionIds: [rejectionId] });
      await Promise.race([dismissed, sleep(300)]);
      await locker.run("COMMIT");
      expect(await replayed).toBe(outcome);
      expect(await dismissed).toMatchObject({
        dismissedCount,
        skippedRejectionIds: dismissedCount === 0 ? [rejectionId] : [],
      });
      expect(await stateOf(rejectionId)).toBe(
        dismissedCount === 0 ? RejectionState.RESOLVED : RejectionState.DISMISSED,
      );
    }
    // While it is dismissed, a replay waits, and finds it closed.
    const rejectionId = await refuse("replayed while dismissed");
    await locker.run("BEGIN; SELECT FROM rejection_usage FOR UPDATE");
    const dismissed = elsewhere.dismissRejections({ rejectionIds: [rejectionId] });
    await waiters(1);
    const replayed = replay(rejectionId, "mended");
    await Promise.race([replayed, waiters(2)]);
    await locker.run("COMMIT");
    expect((await dismissed).dismissedCount).toBe(1);
    expect(await replayed).toBe(ALREADY_CLOSED);
    expect(await stateOf(rejectionId)).toBe(RejectionState.DISMISSED);
    const { run } = await stats.getRun({ runId: "replayed while dismissed" });
    expect(run?.totals).toMatchObject({ resultCount: 1n, failedCount: 0n });
  });

  it("is mended once where a call names it twice", async () => {
    const rejectionId = await refuse("named twice");
    const { rejections, stats } = client();
    const mended = (name: string) => ({
      rejectionId,
      replacement: { case: "result" as const, value: named(name) },
    });
    const { results } = await rejections.replayRejections({
      entries: [mended("one"), mended("other")],
    });
    expect(results).toMatchObject([
      { outcome: ReplayOutcome.ACCEPTED },
      { outcome: ReplayOutcome.ALREADY_CLOSED },
    ]);
    const { run } = await stats.getRun({ runId: "named twice" });
    expect(run?.totals?.resultCount).toBe(2n);
  });

  it("stays as it was when its replacement is refused, which is kept too", async () => {
    const rejectionId = await refuse("worse");
    const { rejections } = client();
    const value = { test: { name: "x" }, status: Status.UNSPECIFIED };
    const entries = [{ rejectionId, replacement: { case: "result" as const, value } }];
    const { results } = await rejections.replayRejections({ entries });
    expect(results).toMatchObject([
      { outcome: ReplayOutcome.REJECTED, fieldViolations: [{ field: "status" }] },
    ]);
    const { rejections: kept } = await rejections.listRejections({ filter: { runId: "worse" } });
    expect(kept.map((each) => each.rejectionId).sort()).toEqual(
      [rejectionId, results[0]?.newRejectionId ?? ""].sort(),
    );
  });

  it("is dismissed with a note, and then leaves the project's bound", async () => {
    const rejectionId = await refuse("dismissed");
    const { rejections } = client();
    const request = { rejectionIds: [rejectionId, "f".repeat(32)], note: "not needed" };
    expect(await rejections.dismissRejections(request)).toMatchObject({
      dismissedCount: 1,
      skippedRejectionIds: ["f".repeat(32)],
    });
    expect((await rejections.dismissRejections(request)).dismissedCount).toBe(0);
    const filter = { runId: "dismissed", state: RejectionState.DISMISSED };
    const { rejections: listed } = await rejections.listRejections({ filter });
    expect(listed).toMatchObject([{ rejectionId, note: "not needed" }]);
    const { rejection } = await rejections.getRejection({ rejectionId });
    expect(rejection).toEqual(listed[0]);
  });
});

describe("a conflict", () => {
  it("is kept with its content, and stays a conflict when it is replayed", async () => {
    const { ingest, rejections } = client();
    const run = { runId: "conflict" };
    await ingest.ingestRun({ run, results: [named("a")] });
    const answer = await ingest.ingestRun({ run, results: [named("a", Status.FAILED)] });
    const rejectionId = answer.rejections[0]?.rejectionId ?? "";
    const { rejections: kept } = await rejections.listRejections({ filter: run });
    expect(kept).toMatchObject([{ item: { case: "result", value: { status: Status.FAILED } } }]);
    const { results } = await rejections.replayRejections({ entries: [{ rejectionId }] });
    expect(results).toMatchObject([{ outcome: ReplayOutcome.CONFLICT }]);
  });
});

describe("a refused run", () => {
  it("is kept whole, and its mended copy is stored with all its results", async () => {
    const { ingest, rejections, stats } = client();
    const request = {
      run: { runId: "", status: Status.FAILED },
      results: [named("a"), named("b", Status.FAILED)],
    };
    const error = await failure(ingest.ingestRun(request));
    const rejectionId = errorMetadata(error)["rejection_id"] ?? "";
    const filter = { kind: RejectionKind.RUN };
    const [kept] = (await rejections.listRejections({ filter })).rejections;
    expect(kept?.rejectionId).toBe(rejectionId);
    if (kept?.item.case !== "ingestRunRequest") throw new Error("kept as something else");
    const copy = fromBinary(IngestRunRequestSchema, kept.item.value);
    expect(copy.results).toHaveLength(2);
    if (copy.run !== undefined) copy.run.runId = "x".repeat(300);
    const worse = toBinary(IngestRunRequestSchema, copy);
    const refused = await rejections.replayRejections({
      entries: [{ rejectionId, replacement: { case: "ingestRunRequest", value: worse } }],
    });
    expect(refused.results).toMatchObject([
      {
        outcome: ReplayOutcome.REJECTED,
        fieldViolations: [{ field: "run.run_id" }],
        newRejectionId: expect.stringMatching(/^[0-9a-f]{32}$/),
      },
    ]);
    // 300,000 results in two bytes each: counted before they are decoded.
    const endless = Buffer.alloc(600_000, Buffer.from([0x22, 0x00]));
    const { results: counted } = await rejections.replayRejections({
      entries: [{ rejectionId, replacement: { case: "ingestRunRequest", value: endless } }],
    });
    expect(counted).toMatchObject([
      {
        outcome: ReplayOutcome.REJECTED,
        fieldViolations: [{ field: "results", description: "has 300000 results, at most 5000" }],
      },
    ]);
    if (copy.run !== undefined) copy.run.runId = "mended run";
    const value = toBinary(IngestRunRequestSchema, copy);
    const entries = [{ rejectionId, replacement: { case: "ingestRunRequest" as const, value } }];
    const { results } = await rejections.replayRejections({ entries });
    expect(results).toMatchObject([{ outcome: ReplayOutcome.ACCEPTED }]);
    const { run } = await stats.getRun({ runId: "mended run" });
    expect(run).toMatchObject({ state: RunState.FINISHED, totals: { resultCount: 2n } });
  });
});

describe("a refused finish", () => {
  it("is kept, and stays a conflict when it is replayed", async () => {
    const { ingest, rejections } = client();
    await ingest.ingestRun({ run: { runId: "finished twice" } });
    await ingest.finishRun({ runId: "finished twice", status: Status.PASSED });
    const other = await ingest.finishRun({ runId: "finished twice", status: Status.FAILED });
    expect(other.runConflict).toEqual(["status"]);
    const filter = { kind: RejectionKind.FINISH };
    const { results } = await rejections.replayRejections({ filter });
    expect(results).toMatchObject([
      { outcome: ReplayOutcome.CONFLICT, fieldViolations: [{ field: "status" }] },
    ]);
  });

  it("names the copy of a replacement that is a conflict, as a refused run does", async () => {
    const { ingest, rejections } = client();
    const run = { runId: "conflicting", framework: "one" };
    await ingest.ingestRun({ run });
    await ingest.ingestRun({ run: { ...run, framework: "two" } });
    await ingest.finishRun({ runId: run.runId, status: Status.PASSED });
    await ingest.finishRun({ runId: run.runId, status: Status.FAILED });
    const filter = { runId: run.runId };
    const { rejections: kept } = await rejections.listRejections({ filter });
    const other = create(IngestRunRequestSchema, { run: { ...run, framework: "three" } });
    const otherEnd = create(FinishRunRequestSchema, { runId: run.runId, status: Status.ERRORED });
    const replacements = [
      {
        case: "finishRunRequest" as const,
        value: toBinary(FinishRunRequestSchema, otherEnd),
      },
      { case: "ingestRunRequest" as const, value: toBinary(IngestRunRequestSchema, other) },
    ];
    const ids = kept.map(({ rejectionId }) => rejectionId);
    const { results } = await rejections.replayRejections({
      entries: replacements.map((replacement, i) => ({ rejectionId: ids[i] ?? "", replacement })),
    });
    expect(results.map(({ outcome }) => outcome)).toEqual([
      ReplayOutcome.CONFLICT,
      ReplayOutcome.CONFLICT,
    ]);
    const named = results.map(({ newRejectionId }) => newRejectionId);
    const after = await rejections.listRejections({ filter });
    const added = after.rejections.map(({ rejectionId }) => rejectionId);
    expect(named.sort()).toEqual(added.filter((id) => !ids.includes(id)).sort());
    const again = await rejections.replayRejections({ filter });
    expect(again.results.map(({ newRejectionId }) => newRejectionId)).toEqual(["", "", "", ""]);
  });
});

describe("many", () => {
  it("are paged newest first, replayed and dismissed by a filter", async () => {
    const { ingest, rejections } = client();
    const run = { runId: "many" };
    const results = Array.from({ length: 25 }, (_, i) => ({ test: { suite: `${i}` }, status: 1 }));
    await ingest.ingestRun({ run, results });
    const seen: string[] = [];
    let pageToken = "";
    do {
      const page = await rejections.listRejections({ filter: run, pageSize: 10, pageToken });
      seen.push(...page.rejections.map(({ rejectionId }) => rejectionId));
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    expect(new Set(seen).size).toBe(25);
    const replayed = await rejections.replayRejections({ filter: run });
    expect(replayed.results.map(({ outcome }) => outcome)).toEqual(
      Array.from({ length: 25 }, () => ReplayOutcome.REJECTED),
    );
    expect((await rejections.dismissRejections({ filter: run })).dismissedCount).toBe(25);
  });

  it("are replayed page after page where all of them stay refused", async () => {
    const { ingest, rejections } = client();
    const filter = { runId: "stubborn" };
    const results = Array.from({ length: 1_001 }, () => named(""));
    await ingest.ingestRun({ run: filter, results: results.slice(1) });
    await ingest.ingestRun({ run: filter, part: { job: "later" }, results: [named("")] });
    const first = await rejections.replayRejections({ filter });
    expect(first).toMatchObject({ more: true, nextPageToken: expect.stringMatching(/./) });
    const pageToken = first.nextPageToken;
    const second = await rejections.replayRejections({ filter, pageToken });
    expect(second).toMatchObject({ more: false, nextPageToken: "" });
    const ids = [...first.results, ...second.results].map(({ rejectionId }) => rejectionId);
    expect([second.results.length, new Set(ids).size]).toEqual([1, 1_001]);
    const entries = ids.slice(0, 1).map((rejectionId) => ({ rejectionId }));
    for (const other of [{ filter: {} }, { entries }, { filter, pageToken: "forged" }]) {
      const error = await failure(rejections.replayRejections({ pageToken, ...other }));
      expect(error.code).toBe(Code.InvalidArgument);
      expect(error.rawMessage).toMatch(/^page_token: /);
    }
  });

  it("end a page before its violations are more than a message has room for", async () => {
    const { rejections } = client();
    const count = 600;
    await using db = new Connection({ url: server.databaseUrl, prepare: false });
    const { projectId } = server;
    await keepRejections(db, { projectId, client: "wordy" }, count, { violations: 32 });
    const seen = new Set<string>();
    let pageToken = "";
    do {
      const filter = { client: "wordy" };
      const page = await rejections.listRejections({ filter, pageSize: 1000, pageToken });
      expect(toBinary(ListRejectionsResponseSchema, page).length).toBeLessThan(3 * 2 ** 20);
      for (const { rejectionId } of page.rejections) seen.add(rejectionId);
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    expect(seen.size).toBe(count);
  });

  it("are dismissed without being read", async () => {
    const { rejections } = client();
    const MIB = 2 ** 20;
    const count = 200;
    await using db = new Connection({ url: server.databaseUrl, prepare: false });
    const { projectId } = server;
    await keepRejections(db, { projectId, client: "large" }, count, { bytes: MIB });
    let most = 0;
    const before = process.memoryUsage().rss;
    const timer = setInterval(() => {
      most = Math.max(most, process.memoryUsage().rss - before);
    }, 5);
    const filter = { client: "large" };
    const { dismissedCount } = await rejections.dismissRejections({ filter });
    clearInterval(timer);
    expect(dismissedCount).toBe(count);
    expect(most).toBeLessThan((count / 4) * MIB);
  });

  it("are bounded: beyond the project's bytes a call fails and keeps nothing", async () => {
    const { tenancy } = server.client();
    const { projectId } = server;
    const setBound = (keptRefusalBytes: bigint) =>
      tenancy.updateProject({
        project: { projectId, settings: { keptRefusalBytes } },
        updateMask: { paths: ["settings.kept_refusal_bytes"] },
      });
    await setBound(1n);
    try {
      const error = await failure(refuse("over the bound"));
      expect(error.code).toBe(Code.ResourceExhausted);
      expect(errorReason(error)).toBe("REFUSAL_QUOTA_EXCEEDED");
      const filter = { runId: "over the bound" };
      expect((await client().rejections.listRejections({ filter })).rejections).toEqual([]);
    } finally {
      await setBound(0n);
    }
  });
});

it("asks for either entries or a filter", async () => {
  const { rejections } = client();
  expect((await failure(rejections.replayRejections({}))).code).toBe(Code.InvalidArgument);
  const both = { rejectionIds: ["a"], filter: {} };
  expect((await failure(rejections.dismissRejections(both))).code).toBe(Code.InvalidArgument);
});

type Named = ReturnType<typeof named>;

describe("refused items with times that JSON has no text for", () => {
  it("are listed without them, and replayed as they were kept", async () => {
    const { ingest, rejections } = client();
    const inMs = { seconds: 1_700_000_000_000n, nanos: 0 };
    await ingest.ingestRun({
      run: { runId: "unsayable" },
      results: [
        { ...named("far"), startTime: inMs },
        { ...named("wide"), duration: { seconds: 1n, nanos: 1_500_000_000 } },
        { ...named("mixed"), duration: { seconds: 1n, nanos: -5 } },
      ],
    });
    await failure(ingest.ingestRun({ run: { runId: "unsayable run", startTime: inMs } }));
    const response = await fetch(`${server.url}/tally.v1.RejectionService/ListRejections`, {
      method: "POST",
      headers: { authorization: `Bearer ${server.allToken}`, "content-type": "application/json" },
      body: JSON.stringify({ filter: { runId: "unsayable" } }),
    });
    expect(response.status).toBe(200);
    const listed = (await response.json()) as { rejections: { result: Named }[] };
    const names = listed.rejections.map(({ result }) => result.test.name);
    expect(names.sort()).toEqual(["far", "mixed", "wide"]);
    const filter = { runId: "unsayable" };
    const { results } = await rejections.replayRejections({ filter, validateOnly: true });
    expect(results.map(({ fieldViolations }) => fieldViolations[0]?.field).sort()).toEqual([
      "duration",
      "duration",
      "start_time",
    ]);
  });
});
