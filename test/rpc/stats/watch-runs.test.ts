import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RunState, Status } from "../../../gen/tally/v1/run_pb.js";
import {
  StatsService,
  type WatchedRun,
  type WatchRunsResponse,
} from "../../../gen/tally/v1/stats_service_pb.js";
import {
  errorReason,
  fieldViolations,
  retryAfterMs,
  type TallyClient,
} from "../../../src/client/index.js";
import { failure } from "../../support/failure.js";
import { startTestServer, type TestServer } from "../../support/server.js";

let server: TestServer;
/** Another server on the same database, whose clients have no project of the first one but by its tokens. */
let other: TestServer;
let sender: TallyClient;
beforeAll(async () => {
  server = await startTestServer();
  other = await startTestServer({ databaseUrl: server.databaseUrl });
  sender = other.client(server.allToken);
});
afterAll(async () => {
  await other[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

type Stats = TallyClient["stats"];
type Request = Parameters<Stats["watchRuns"]>[0];

/** Reads a watch message by message. */
class Watch {
  readonly #messages: AsyncIterator<WatchRunsResponse>;
  /** What was told so far of each run, the last first. */
  readonly told: WatchedRun[] = [];

  constructor(stats: Stats, request: Request, signal?: AbortSignal) {
    const stream = stats.watchRuns(request, signal === undefined ? {} : { signal });
    this.#messages = stream[Symbol.asyncIterator]();
  }

  async next(): Promise<WatchedRun[]> {
    const { value, done } = await this.#messages.next();
    if (done === true) throw new Error("the stream ended");
    this.told.unshift(...[...value.runs].reverse());
    return value.runs;
  }

  /** Reads on until something that was told is it. */
  async until(matches: (run: WatchedRun) => boolean): Promise<WatchedRun> {
    for (;;) {
      const found = this.told.find(matches);
      if (found !== undefined) return found;
      await this.next();
    }
  }

  async close(): Promise<void> {
    await this.#messages.return?.();
  }
}

const of = (runId: string, resultCount: number) => (told: WatchedRun) =>
  told.run?.runId === runId && told.run.totals?.resultCount === BigInt(resultCount);
const result = (name: string, status = Status.PASSED) => ({
  test: { name },
  status,
  ...(status === Status.FAILED ? { failure: { message: `${name} failed` } } : {}),
});
const send = (runId: string, results: object[], more: object = {}) =>
  sender.ingest.ingestRun({ run: { runId, ...more }, results });

const transports = {
  gRPC: () => server.client(server.readToken).stats,
  ...Object.fromEntries(
    (
      [
        ["Connect", { useBinaryFormat: true }, createConnectTransport],
        ["Connect JSON", { useBinaryFormat: false }, createConnectTransport],
        ["gRPC-Web", { useBinaryFormat: true }, createGrpcWebTransport],
      ] as const
    ).map(([name, options, create]) => [
      name,
      () => {
        const transport = create({
          baseUrl: server.url,
          httpVersion: "1.1",
          ...options,
          interceptors: [
            (next) => (request) => {
              request.header.set("authorization", `Bearer ${server.readToken}`);
              return next(request);
            },
          ],
        });
        return createClient(StatsService, transport) as unknown as Stats;
      },
    ]),
  ),
};

describe.each(Object.entries(transports))("over %s", (protocol, connect) => {
  const id = (name: string) => `${name} ${protocol}`;

  it("tells what another server takes, as it is committed", async () => {
    await send(id("before"), [result("a"), result("b", Status.FAILED)]);
    const watch = new Watch(connect(), {});
    const before = await watch.until(of(id("before"), 2));
    expect(before).toMatchObject({ failures: [{ result: { failure: { message: "b failed" } } }] });
    await send(id("new"), [result("a")]);
    expect(await watch.until(of(id("new"), 1))).toMatchObject({
      run: { state: RunState.RUNNING, status: Status.PASSED },
      failures: [],
      deleted: false,
    });
    await send(id("new"), [result("b", Status.FAILED)]);
    expect(await watch.until(of(id("new"), 2))).toMatchObject({
      run: { status: Status.FAILED },
      failures: [{ result: { test: { name: "b" } } }],
      failuresTruncated: false,
    });
    await sender.ingest.finishRun({ runId: id("new") });
    const ended = (told: WatchedRun) =>
      told.run?.runId === id("new") && told.run.state === RunState.FINISHED;
    expect((await watch.until(ended)).failures).toEqual([]);
    await sender.ingest.deleteRun({ runId: id("new") });
    const deleted = await watch.until((told) => told.deleted);
    expect(deleted.run).toMatchObject({ runId: id("new"), projectId: "" });
    await watch.close();
  });
});

describe("a watcher", () => {
  const stats = () => server.client(server.readToken).stats;

  it("is told at first what runs or has run within the hour, and nothing else", async () => {
    const hoursAgo = (hours: number) => ({
      seconds: BigInt(Math.floor(Date.now() / 1000) - hours * 3600),
    });
    const source = { branch: "first" };
    await send("first: old, ended", [], { source, startTime: hoursAgo(2), status: Status.PASSED });
    await send("first: old, running", [], { source, startTime: hoursAgo(2) });
    await send("first: new, ended", [], { source, status: Status.FAILED });
    const watch = new Watch(stats(), { branch: "first" });
    const first = await watch.next();
    expect(first.map(({ run }) => run?.runId)).toEqual([
      "first: new, ended",
      "first: old, running",
    ]);
    const none = new Watch(stats(), { branch: "none" });
    expect(await none.next()).toEqual([]);
    await watch.close();
    await none.close();
  });

  it("of a branch or of a run is told of nothing else", async () => {
    await send("one", [result("a")], { source: { branch: "x" } });
    await send("two", [result("a")], { source: { branch: "y" } });
    const ofBranch = new Watch(stats(), { branch: "x" });
    const ofRun = new Watch(stats(), { runId: "two" });
    await Promise.all([ofBranch.next(), ofRun.next()]);
    await send("two", [result("b")]);
    await send("one", [result("b")]);
    await ofBranch.until(of("one", 2));
    await ofRun.until(of("two", 2));
    expect(new Set(ofBranch.told.map(({ run }) => run?.runId))).toEqual(new Set(["one"]));
    expect(new Set(ofRun.told.map(({ run }) => run?.runId))).toEqual(new Set(["two"]));
    await ofBranch.close();
    await ofRun.close();
  });

  it("is told each failure once, in several looks", async () => {
    await send("failing", [result("0", Status.FAILED)]);
    const watch = new Watch(stats(), { runId: "failing" });
    for (let i = 1; i <= 8; i++) {
      await send("failing", [result(`${i}`, Status.FAILED), result(`p${i}`)]);
      if (i % 3 === 0) await watch.until(of("failing", 2 * i + 1));
    }
    await watch.until(of("failing", 17));
    // Longer than a look reaches back.
    const until = Date.now() + 3_000;
    await send("failing", [result("last")]);
    await watch.until(of("failing", 18));
    while (Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 100));
    await send("failing", [result("very last")]);
    await watch.until(of("failing", 19));
    const names = watch.told.flatMap(({ failures }) =>
      failures.map(({ result: failed }) => failed?.test?.name),
    );
    expect(names.sort()).toEqual(["0", "1", "2", "3", "4", "5", "6", "7", "8"]);
    await watch.close();
  });

  it("is told that there are more failures than a message lists", async () => {
    const watch = new Watch(stats(), { branch: "mass" });
    await watch.next();
    const results = Array.from({ length: 150 }, (_, i) => result(`${i}`, Status.FAILED));
    await send("mass", results, { source: { branch: "mass" } });
    const told = await watch.until(of("mass", 150));
    expect(told.failures).toHaveLength(100);
    expect(told.failuresTruncated).toBe(true);
    const late = new Watch(stats(), { runId: "mass" });
    expect(await late.next()).toMatchObject([{ failuresTruncated: true }]);
    await watch.close();
    await late.close();
  });
});

describe("a watch ends", () => {
  const stats = (token = server.readToken) => server.client(token).stats;

  it("when its token is revoked", async () => {
    const { tenancy } = server.client();
    const made = await tenancy.createToken({
      projectId: server.projectId,
      name: "short",
      scopes: [2],
    });
    const watch = new Watch(stats(made.secret), {});
    await watch.next();
    await tenancy.revokeToken({ tokenId: made.token?.tokenId ?? "" });
    const error = await failure(watch.until(() => false));
    expect(errorReason(error)).toBe("TOKEN_REVOKED");
  });

  it("when its server stops, with a hint to try again", async () => {
    const stopping = await startTestServer({ databaseUrl: server.databaseUrl });
    const watch = new Watch(stopping.client(server.readToken).stats, {});
    await watch.next();
    const ended = failure(watch.until(() => false));
    await stopping[Symbol.asyncDispose]();
    const error = await ended;
    expect(errorReason(error)).toBe("DRAINING");
    expect(retryAfterMs(error)).toBe(1000);
  });

  it("when its project is deleted, with the next message, also of an admin", {
    timeout: 40_000,
  }, async () => {
    const admin = server.client();
    const { organizationId } = server;
    const { project } = await admin.tenancy.createProject({ organizationId, name: "short" });
    const projectId = project?.projectId ?? "";
    const watch = new Watch(admin.stats, { projectId });
    await watch.next();
    await admin.tenancy.deleteProject({ projectId });
    const error = await failure(watch.until(() => false));
    expect(errorReason(error)).toBe("PROJECT_NOT_FOUND");
  });

  it.each<[string[], Request]>([
    [["branch"], { branch: "x".repeat(1025) }],
    [["run_id"], { runId: " " }],
  ])("with INVALID_ARGUMENT for %s", async (fields, request) => {
    const error = await failure(new Watch(stats(), request).next());
    expect(fieldViolations(error).map(({ field }) => field)).toEqual(fields);
  });

  it("with NOT_FOUND for a run that is not there, or is another project's", async () => {
    await send("ours", []);
    const missing = await failure(new Watch(stats(), { runId: "none" }).next());
    expect(errorReason(missing)).toBe("RUN_NOT_FOUND");
    const theirs = new Watch(other.client(other.readToken).stats, { runId: "ours" });
    expect(errorReason(await failure(theirs.next()))).toBe("RUN_NOT_FOUND");
  });

  it("never tells of another project", async () => {
    const theirs = new Watch(other.client(other.readToken).stats, {});
    expect(await theirs.next()).toEqual([]);
    await send("ours", [result("seen")]);
    const own = other.client(other.ingestToken);
    await own.ingest.ingestRun({ run: { runId: "theirs" }, results: [result("a")] });
    await theirs.until(of("theirs", 1));
    expect(theirs.told.every(({ run }) => run?.runId === "theirs")).toBe(true);
    await theirs.close();
  });
});
