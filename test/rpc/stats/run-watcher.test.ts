import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { RunSchema } from "../../../gen/tally/v1/run_pb.js";
import { StoredResultSchema } from "../../../gen/tally/v1/stats_pb.js";
import { errorReason, retryAfterMs } from "../../../src/client/index.js";
import type { RunNews } from "../../../src/rpc/stats/watch/run-news.js";
import { createRunWatcher, type RunWatcher } from "../../../src/rpc/stats/watch/run-watcher.js";
import { failure } from "../../support/failure.js";

const LONG = 20_000;
const start = (news: readonly RunNews[] = []) => {
  const watcher = createRunWatcher({ branch: "", runId: "" }, new AbortController().signal);
  watcher.begin(news);
  watcher.upTo(1_000_000);
  return watcher;
};
const newsOf = (run: number, failures: string[] = [], more: Partial<RunNews> = {}): RunNews => ({
  runKey: String(run),
  run: create(RunSchema, { runId: `run ${run}` }),
  bytes: 10,
  digest: "",
  deleted: false,
  failures: failures.map((resultId) => ({
    message: create(StoredResultSchema, { runId: `run ${run}`, testId: "t", result: { resultId } }),
    bytes: 100,
  })),
  truncated: false,
  ...more,
});
const add = (watcher: RunWatcher, ...news: RunNews[]) => {
  for (const each of news) watcher.add(each);
  watcher.upTo(2_000_000);
};
/** Runs and failures of the next message. */
const next = async (watcher: RunWatcher) =>
  ((await watcher.next(LONG)).runs ?? []).map(({ run, failures }) => [
    run?.runId,
    ...(failures ?? []).map(({ result }) => result?.resultId),
  ]);

describe("a watcher", () => {
  it("begins with a message, an empty one where there is nothing", async () => {
    expect(await start().next(LONG)).toEqual({ runs: [], asOfTime: { seconds: 1n, nanos: 0 } });
    expect(await next(start([newsOf(1, ["a"])]))).toEqual([["run 1", "a"]]);
  });

  it("waits for news, and answers nothing once the wait is over", async () => {
    const watcher = start();
    await watcher.next(LONG);
    watcher.upTo(3_000_000);
    expect(await watcher.next(20)).toEqual({ runs: [], asOfTime: { seconds: 3n, nanos: 0 } });
    const waiting = next(watcher);
    add(watcher, newsOf(1));
    expect(await waiting).toEqual([["run 1"]]);
  });

  it("is told the newest state of a run, and its failures of all the time, once each", async () => {
    const watcher = start([newsOf(1, ["first"])]);
    await watcher.next(LONG);
    add(watcher, newsOf(1, ["first", "a"]), newsOf(2), newsOf(1, ["b"], { deleted: false }));
    expect(await next(watcher)).toEqual([["run 1", "a", "b"], ["run 2"]]);
    add(watcher, newsOf(1, ["c"]), newsOf(1, [], { deleted: true }));
    expect(await watcher.next(LONG)).toMatchObject({ runs: [{ deleted: true, failures: [] }] });
  });

  it("is told of 100 failures of a run at most, and that there are more", async () => {
    const watcher = start();
    await watcher.next(LONG);
    for (let i = 0; i < 15; i++) {
      add(
        watcher,
        newsOf(
          1,
          Array.from({ length: 10 }, (_, j) => `${i} ${j}`),
        ),
      );
    }
    const { runs = [] } = await watcher.next(LONG);
    expect(runs[0]?.failures).toHaveLength(100);
    expect(runs[0]?.failuresTruncated).toBe(true);
  });

  it("is told in messages of 100 runs and 1 MiB", async () => {
    const watcher = start(Array.from({ length: 250 }, (_, i) => newsOf(i)));
    expect((await next(watcher)).length).toBe(100);
    expect((await next(watcher)).length).toBe(100);
    expect((await next(watcher)).length).toBe(50);
    add(watcher, ...[1, 2, 3, 4, 5].map((i) => newsOf(i, [], { bytes: 400_000 })));
    expect((await next(watcher)).length).toBe(2);
    expect((await next(watcher)).length).toBe(2);
    expect((await next(watcher)).length).toBe(1);
  });

  it("ends when it is a thousand runs behind, and holds nothing any more", async () => {
    const watcher = start();
    add(watcher, ...Array.from({ length: 1_000 }, (_, i) => newsOf(i)));
    expect(watcher.pendingCount).toBe(1_000);
    add(watcher, newsOf(1_000));
    expect(watcher.pendingCount).toBe(0);
    add(watcher, newsOf(1_001));
    expect(watcher.pendingCount).toBe(0);
    const error = await failure(watcher.next(LONG));
    expect(errorReason(error)).toBe("WATCHER_TOO_SLOW");
    expect(retryAfterMs(error)).toBe(1000);
  });
});
