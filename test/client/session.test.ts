import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { RejectionReason } from "../../gen/tally/v1/rejection_pb.js";
import { RunState, Status } from "../../gen/tally/v1/run_pb.js";
import type { TallyProtocol } from "../../src/client/index.js";
import { numbered, type SessionLab, startSessionLab } from "./session-lab.js";

let lab: SessionLab;
beforeAll(async () => {
  lab = await startSessionLab();
});
afterAll(() => lab[Symbol.asyncDispose]());
afterEach(() => {
  expect(lab.warnings.splice(0)).toEqual([]);
});

const getRun = (runId: string) => lab.server.client(lab.server.allToken).stats.getRun({ runId });

describe.each(["grpc", "connect"] as const)("a session over %s", (protocol: TallyProtocol) => {
  const open = (runId: string, options = {}) =>
    lab.open(`${runId} over ${protocol}`, { client: lab.client({ protocol }), ...options });

  it("stores what is added, and finishes the part", async () => {
    const session = open("plain", { part: { job: "j", producer: "p" } });
    for (let i = 0; i < 1234; i++) session.add(numbered(i));
    const summary = await session.close();
    expect(summary).toEqual({
      runId: `plain over ${protocol}`,
      sent: 1234,
      acknowledged: 1234,
      duplicate: 0,
      conflict: 0,
      rejected: 0,
      rejections: [],
      runConflict: [],
      otherProducers: [],
      spooled: 0,
      dropped: 0,
    });
    expect(await lab.stored(summary.runId)).toEqual({ results: 1234, tests: 1234 });
    const { run, parts } = await getRun(summary.runId);
    expect(run).toMatchObject({ state: RunState.FINISHED, status: Status.FAILED });
    expect(parts).toMatchObject([{ part: { job: "j" }, expectedResultCount: 1234n }]);
    expect(await lab.spoolFiles()).toEqual([]);
  });

  it("is visible before it is closed", async () => {
    const session = open("live");
    const { runId } = { runId: `live over ${protocol}` };
    await expect
      .poll(() => getRun(runId).catch(() => ({ run: undefined })))
      .toMatchObject({
        run: { state: RunState.RUNNING },
      });
    session.add(numbered(0));
    await expect.poll(async () => (await lab.stored(runId)).results).toBe(1);
    // Long enough that the stream was let go.
    await sleep(800);
    session.add(numbered(1));
    await expect.poll(async () => (await lab.stored(runId)).results).toBe(2);
    expect(await session.close()).toMatchObject({ acknowledged: 2 });
  });

  it("reports what the server refuses, and what differs", async () => {
    const first = open("refusals");
    first.add({ ...numbered(0), resultId: "same" });
    await first.close();
    const session = open("refusals", { run: { runId: `refusals over ${protocol}` } });
    session.add(numbered(1));
    session.add({ ...numbered(0), resultId: "same", status: Status.ERRORED });
    session.add({ test: { name: "" }, status: Status.PASSED });
    const summary = await session.close({ status: Status.PASSED, expectedCount: 3 });
    expect(summary).toMatchObject({
      sent: 3,
      acknowledged: 3,
      conflict: 1,
      rejected: 1,
      runConflict: ["status", "expected_result_count"],
    });
    expect(summary.rejections).toMatchObject([
      { index: 1n, reason: RejectionReason.CONFLICT },
      { index: 2n, reason: RejectionReason.INVALID },
    ]);
  });

  it("says who else reports the same job", async () => {
    const reports = [
      { producer: "first" },
      { producer: "second" },
      { producer: "third", attempt: 2 },
      { producer: "fourth", shardIndex: 1, shardTotal: 2 },
      { producer: "fifth", job: "another" },
      { producer: "second" },
    ];
    const others: (readonly string[])[] = [];
    for (const part of reports) {
      const session = open("together", { part: { job: "j", ...part } });
      session.add(numbered(0));
      others.push((await session.close()).otherProducers);
    }
    expect(others).toEqual([[], ["first"], [], [], [], ["first"]]);
  });

  it("stores nothing twice when it is opened again for the same part", async () => {
    for (const expected of [0, 300]) {
      const session = open("again", { part: { job: "j" } });
      for (let i = 0; i < 300; i++) session.add(numbered(i));
      expect(await session.close()).toMatchObject({ acknowledged: 300, duplicate: expected });
    }
    expect(await lab.stored(`again over ${protocol}`)).toEqual({ results: 300, tests: 300 });
    expect((await getRun(`again over ${protocol}`)).run).toMatchObject({
      state: RunState.FINISHED,
    });
  });

  it("loses and doubles nothing when its connection is cut again and again", async () => {
    const session = open("cuts", { batchResults: 50, batchDelayMs: 20 });
    for (let i = 0; i < 5000; i++) {
      session.add(numbered(i));
      if (i % 100 === 0) await sleep(5);
      if (i % 700 === 350) lab.proxy.cut(i % 1400 === 350 ? "fin" : "rst");
    }
    const summary = await session.close({ deadlineMs: 20_000 });
    expect(summary).toMatchObject({ sent: 5000, acknowledged: 5000, spooled: 0, dropped: 0 });
    expect(await lab.stored(summary.runId)).toEqual({ results: 5000, tests: 5000 });
    expect((await getRun(summary.runId)).run).toMatchObject({ state: RunState.FINISHED });
    expect(await lab.spoolFiles()).toEqual([]);
  });

  it("finishes a part without results", async () => {
    const session = open("empty");
    expect(await session.close({ status: Status.SKIPPED })).toMatchObject({ sent: 0 });
    const { run } = await getRun(`empty over ${protocol}`);
    expect(run).toMatchObject({ state: RunState.FINISHED, status: Status.SKIPPED });
  });
});
