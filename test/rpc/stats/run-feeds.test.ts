import { randomBytes } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Status } from "../../../gen/tally/v1/run_pb.js";
import { WatchRunsRequestSchema } from "../../../gen/tally/v1/stats_service_pb.js";
import { Pool } from "../../../src/db/pool.js";
import type { Param, Queryable, QueryOptions } from "../../../src/db/queryable.js";
import { createLogger } from "../../../src/log.js";
import type { CallContext } from "../../../src/rpc/handler.js";
import { createPageTokens } from "../../../src/rpc/page-token.js";
import type { ProjectRef } from "../../../src/rpc/resolve-project.js";
import { createRunFeeds, type RunFeeds } from "../../../src/rpc/stats/watch/run-feeds.js";
import type { RunWatcher } from "../../../src/rpc/stats/watch/run-watcher.js";
import { watchRuns } from "../../../src/rpc/stats/watch-runs.js";
import { until } from "../../db/support.js";
import { startTestServer, type TestServer } from "../../support/server.js";

let server: TestServer;
let db: Pool;
let project: ProjectRef;
beforeAll(async () => {
  server = await startTestServer();
  db = new Pool({ url: server.databaseUrl, prepare: true, size: 3 });
  const { projectId } = server;
  const [row] = await db.query<{ project_key: string }>(
    "SELECT project_key FROM projects WHERE project_id = $1",
    [projectId],
  );
  project = { projectId, projectKey: row?.project_key ?? "" };
});
afterAll(async () => {
  await db[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const ALL = { branch: "", runId: "" };
const deps = (of: Queryable = db) => ({ db: of, log: createLogger("silent"), now: Date.now });
const send = (runId: string, names: string[], status = Status.PASSED) =>
  server.client(server.ingestToken).ingest.ingestRun({
    run: { runId },
    results: names.map((name) => ({ test: { name }, status })),
  });

/** Counts the statements that pass, and fails them while it is told to; `before` each of them it may do more. */
class Tap implements Queryable {
  count = 0;
  underWay = 0;
  failing = false;
  before: (text: string) => Promise<void> = async () => {};
  async query<Row extends object>(
    text: string,
    params?: readonly Param[],
    options?: QueryOptions,
  ): Promise<Row[]> {
    this.count++;
    if (this.failing) throw new Error("down");
    this.underWay++;
    try {
      await this.before(text);
      return await db.query<Row>(text, params, options);
    } finally {
      this.underWay--;
    }
  }
}

/** What the next message says, by run: results and failures. */
async function toldBy(watcher: RunWatcher): Promise<Record<string, [number, number]>> {
  const { runs = [] } = await watcher.next(20_000);
  return Object.fromEntries(
    runs.map(({ run, failures }) => [
      run?.runId ?? "",
      [Number(run?.totals?.resultCount), failures?.length ?? 0],
    ]),
  );
}

describe("the feeds of a server", () => {
  it("look once for all who watch a project, and stop with the last of them", async () => {
    const tap = new Tap();
    const feeds = createRunFeeds(deps(tap));
    const [first, second] = [new AbortController(), new AbortController()];
    const watchers = [first, second].map(({ signal }) => feeds.watch(project, ALL, signal));
    await Promise.all(watchers.map((watcher) => watcher.next(20_000)));
    expect(feeds.openCount).toBe(1);
    first.abort(new Error("over"));
    await expect(watchers[0]?.next(20_000)).rejects.toThrow("over");
    expect(feeds.openCount).toBe(1);
    second.abort();
    expect(feeds.openCount).toBe(0);
    // A look may have begun.
    await expect.poll(() => tap.underWay).toBe(0);
    const { count } = tap;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(tap.count).toBe(count);
  });

  it("open nothing for who has left already", () => {
    const feeds = createRunFeeds(deps());
    feeds.watch(project, ALL, AbortSignal.abort());
    expect(feeds.openCount).toBe(0);
  });

  it("send one statement a look while nothing changes", async () => {
    const tap = new Tap();
    const over = new AbortController();
    const watcher = createRunFeeds(deps(tap)).watch(project, ALL, over.signal);
    await watcher.next(20_000);
    await until(async () => (await watcher.next(1)).runs?.length === 0);
    const startedAt = performance.now();
    const before = tap.count;
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    const looks = (performance.now() - startedAt) / 400;
    expect(tap.count - before).toBeLessThanOrEqual(looks + 1);
    over.abort();
  });

  it("end who begins while the database is down, and keep who watches", async () => {
    const tap = new Tap();
    const feeds = createRunFeeds(deps(tap));
    const over = new AbortController();
    const watcher = feeds.watch(project, ALL, over.signal);
    await watcher.next(20_000);
    tap.failing = true;
    const late = feeds.watch(project, ALL, over.signal);
    await expect(late.next(20_000)).rejects.toThrow("down");
    await send("sent in between", ["a"], Status.FAILED);
    tap.failing = false;
    expect(await toldBy(watcher)).toEqual({ "sent in between": [1, 1] });
    over.abort();
  });
});

describe("a change that is committed while somebody joins", () => {
  it("is told to who watches already", async () => {
    const tap = new Tap();
    const feeds = createRunFeeds(deps(tap));
    const over = new AbortController();
    await send("while joining", ["a"]);
    const watcher = feeds.watch(project, ALL, over.signal);
    while ((await toldBy(watcher))["while joining"] === undefined);
    // Between the look's search for changes and what the second one is told first.
    tap.before = async (text) => {
      if (!text.includes("interval '1 hour'")) return;
      tap.before = async () => {};
      await send("while joining", ["b"]);
    };
    const second = feeds.watch(project, ALL, over.signal);
    expect((await toldBy(second))["while joining"]).toEqual([2, 0]);
    expect(await toldBy(watcher)).toEqual({ "while joining": [2, 0] });
    over.abort();
  });
});

describe("a statement that commits long after it began", () => {
  it("is found by a look that reaches further back", async () => {
    await send("late", ["a"]);
    for (const table of ["runs", "batches"]) {
      await db.query(
        `UPDATE ${table} SET created_at = created_at - interval '1 hour'
        WHERE run_key = (SELECT run_key FROM runs WHERE run_id = 'late')`,
      );
    }
    const over = new AbortController();
    const watcher = createRunFeeds(deps()).watch(project, { ...ALL, runId: "late" }, over.signal);
    expect(await toldBy(watcher)).toEqual({ late: [1, 0] });
    await db.query(
      `WITH ledger AS (
        INSERT INTO batches
        SELECT
          project_key, run_key, 1, part_id, token_id, now() - interval '20 seconds', false, 1, 0, 0, 0, 0, 1, 0, 0,
          0, 0, 0
        FROM batches JOIN runs USING (project_key, run_key) WHERE run_id = 'late'
        RETURNING project_key, run_key, batch_key
      )
      INSERT INTO fold_queue SELECT project_key, run_key, batch_key, '{}', '{}', '{}' FROM ledger`,
    );
    expect(await toldBy(watcher)).toEqual({ late: [2, 0] });
    over.abort();
  });
});

describe("the handler", () => {
  const watch = (feeds: RunFeeds, signal: AbortSignal) => {
    const handler = watchRuns({
      db,
      feeds,
      resolveProject: () => project,
      pageTokens: createPageTokens(randomBytes(32)),
    });
    const request = create(WatchRunsRequestSchema, {});
    return handler(request, { signal } as CallContext)[Symbol.asyncIterator]();
  };

  it("leaves no feed when the reader leaves between two messages", async () => {
    const feeds = createRunFeeds(deps());
    const messages = watch(feeds, new AbortController().signal);
    await messages.next();
    expect(feeds.openCount).toBe(1);
    await messages.return?.();
    expect(feeds.openCount).toBe(0);
  });

  it("leaves no feed when its call ends while it waits", async () => {
    const feeds = createRunFeeds(deps());
    const call = new AbortController();
    const messages = watch(feeds, call.signal);
    await messages.next();
    const ended = expect(messages.next()).rejects.toThrow("the client is gone");
    call.abort(new Error("the client is gone"));
    await ended;
    expect(feeds.openCount).toBe(0);
  });
});

describe("a reader that stops reading", () => {
  it("is told later how each run is then, and the failures of all the time", async () => {
    const feeds = createRunFeeds(deps());
    const over = new AbortController();
    const slow = feeds.watch(project, ALL, over.signal);
    await slow.next(20_000);
    const fast = feeds.watch(project, ALL, over.signal);
    await fast.next(20_000);
    let told = 0;
    for (let i = 0; i < 6; i++) {
      await send("slow a", [`t${i}`], i < 2 ? Status.FAILED : Status.PASSED);
      await send("slow b", [`t${i}`]);
      while ((await toldBy(fast))["slow b"]?.[0] !== i + 1);
      told++;
      expect(slow.pendingCount).toBeLessThanOrEqual(2);
    }
    expect(told).toBe(6);
    expect(await toldBy(slow)).toEqual({ "slow a": [6, 2], "slow b": [6, 0] });
    over.abort();
    expect(slow.pendingCount).toBe(0);
  });
});
