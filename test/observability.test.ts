import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Status } from "../gen/tally/v1/run_pb.js";
import { Scope } from "../gen/tally/v1/tenancy_pb.js";
import { formatToken, parseToken } from "../src/auth/token.js";
import { defaultTimeouts } from "../src/server/timeouts.js";
import { readVersion } from "../src/version.js";
import { createTestDatabase } from "./support/database.js";
import { failure } from "./support/failure.js";
import { startTestServer, type TestServer } from "./support/server.js";
import { startTcpProxy } from "./support/tcp-proxy.js";

let server: TestServer;
/** Of a token that is revoked; and the same one with another secret. */
let revokedToken: string;
let wrongToken: string;
beforeAll(async () => {
  server = await startTestServer();
  const { ingest } = server.client(server.ingestToken);
  const { tenancy } = server.client();
  const run = { runId: "seen", status: Status.PASSED, source: { branch: "main" } };
  const named = (name: string, status = Status.PASSED) => ({ test: { name }, status });
  await ingest.ingestRun({ run, results: [named("a"), named("b"), named("")] });
  await ingest.ingestRun({ run, results: [named("a")] });
  const other = { ...run, source: { branch: "dev" } };
  await ingest.ingestRun({ run: other, results: [named("a", Status.FAILED)] });
  const { projectId } = server;
  const made = await tenancy.createToken({ projectId, name: "gone", scopes: [Scope.INGEST] });
  revokedToken = made.secret;
  await tenancy.revokeToken({ tokenId: made.token?.tokenId ?? "" });
  await failure(server.client(revokedToken).ingest.ingestRun({ run }));
  const id = made.token?.tokenId ?? "";
  wrongToken = formatToken({ prefix: "proj", id, secret: "5ec7e7".padEnd(64, "0") });
  await failure(server.client(wrongToken).ingest.ingestRun({ run }));
  const answer = await post("IngestService/IngestRun", server.ingestToken, {
    run: { runId: "by JSON" },
  });
  expect(answer.status).toBe(200);
});
afterAll(() => server[Symbol.asyncDispose]());

function post(path: string, token: string, body: object, headers: Record<string, string> = {}) {
  return fetch(`${server.url}/tally.v1.${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${token}`, ...headers },
    body: JSON.stringify(body),
  });
}
const lines = (event: string) => server.logLines.filter((line) => line["event"] === event);

describe("the log", () => {
  const ids = { duration_ms: expect.any(Number), request_id: expect.stringMatching(/./) };
  const run = () => ({ project_id: server.projectId, run_id: "seen" });

  it.each([
    ["org_created", () => ({ organization_id: server.organizationId })],
    ["project_created", () => ({ project_id: server.projectId })],
    ["token_created", () => ({ created_token_id: idOf(server.readToken), token_id: "configured" })],
    ["token_revoked", () => ({ revoked_token_id: idOf(revokedToken), token_id: "configured" })],
    ["run_ingested", () => ({ ...run(), accepted_count: 2, rejected_count: 1 })],
    ["run_duplicate", () => ({ ...run(), duplicate_count: 1, conflict_count: 0 })],
    ["run_conflict", () => ({ ...run(), fields: ["source.branch"], conflict_count: 1 })],
    [
      "item_rejected",
      () => ({ ...run(), rejection_ids: [expect.stringMatching(/^[0-9a-f]{32}$/)] }),
    ],
    ["auth_failed", () => ({ address: "127.0.0.1", reason: "TOKEN_REVOKED" })],
    ["auth_failed", () => ({ address: "127.0.0.1", reason: "UNAUTHENTICATED" })],
  ])("has a line for %s, with ids, duration and request id", (event, fields) => {
    expect(lines(event)).toContainEqual(expect.objectContaining({ ...ids, ...fields() }));
  });

  it("has one line a call, with protocol, method, code, bytes and who called", () => {
    const calls = lines("request").filter((line) => line["method"] === "IngestRun");
    expect(calls.map((line) => [line["protocol"], line["code"]])).toEqual([
      ["grpc", "OK"],
      ["grpc", "OK"],
      ["grpc", "OK"],
      ["grpc", "UNAUTHENTICATED"],
      ["grpc", "UNAUTHENTICATED"],
      ["connect", "OK"],
    ]);
    for (const call of calls) {
      expect(call).toMatchObject({ ...ids, service: "tally.v1.IngestService" });
      if (call["code"] !== "OK") continue;
      expect(call).toMatchObject({
        project_id: server.projectId,
        token_id: idOf(server.ingestToken),
      });
      expect(call["request_bytes"]).toBeGreaterThan(0);
      expect(call["response_bytes"]).toBeGreaterThan(0);
    }
    expect(new Set(calls.map((line) => line["request_id"])).size).toBe(calls.length);
  });

  it("gives the lines of one call one request id", () => {
    const [rejected] = lines("item_rejected");
    const events = server.logLines
      .filter((line) => line["request_id"] === rejected?.["request_id"])
      .map((line) => line["event"]);
    expect(events).toEqual(["item_rejected", "run_ingested", "request"]);
  });

  it("never holds a secret", () => {
    const text = JSON.stringify(server.logLines);
    expect(text).not.toContain(server.adminToken);
    const { ingestToken, readToken, manageToken, allToken } = server;
    for (const token of [ingestToken, readToken, manageToken, allToken, revokedToken, wrongToken]) {
      expect(text).not.toContain(secretOf(token));
    }
  });

  it("names the request id that the reply has, also of an error, over both protocols", async () => {
    const given = { "x-request-id": "mine-1" };
    const own = await post("StatsService/ListRuns", server.readToken, {}, given);
    const unknown = { runId: "unknown" };
    const refused = await post("StatsService/GetRun", server.readToken, unknown);
    const { stats } = server.client(server.readToken);
    let grpc: string | null = null;
    const onHeader = (headers: Headers) => {
      grpc = headers.get("x-request-id");
    };
    await stats.listRuns({}, { onHeader });
    const { metadata } = await failure(stats.getRun(unknown));
    const replied = [own.headers, refused.headers, metadata].map((headers) =>
      headers.get("x-request-id"),
    );
    expect(replied[0]).toBe("mine-1");
    const logged = lines("request").slice(-4);
    expect(logged.map((line) => [line["protocol"], line["code"], line["request_id"]])).toEqual([
      ["connect", "OK", replied[0]],
      ["connect", "NOT_FOUND", replied[1]],
      ["grpc", "OK", grpc],
      ["grpc", "NOT_FOUND", replied[2]],
    ]);
  });
});

function idOf(token: string): string | undefined {
  return parseToken(token)?.id;
}

function secretOf(token: string): string {
  const secret = parseToken(token)?.secret;
  if (secret === undefined) throw new Error("not a token");
  return secret;
}

describe("the metrics", () => {
  it("count runs, results, tenancy and calls by outcome; a duplicate is no error", async () => {
    const text = await (await fetch(`${server.url}/metrics`)).text();
    const expected = [
      "tally_organizations_created_total 1",
      "tally_projects_created_total 1",
      "tally_tokens_created_total 5",
      'tally_runs_total{outcome="accepted"} 2',
      'tally_runs_total{outcome="duplicate"} 1',
      'tally_runs_total{outcome="conflict"} 1',
      'tally_results_total{outcome="accepted"} 2',
      'tally_results_total{outcome="duplicate"} 1',
      'tally_results_total{outcome="conflict"} 1',
      'tally_results_total{outcome="rejected"} 1',
      'tally_requests_total{service="tally.v1.IngestService",method="IngestRun",protocol="grpc",code="OK"} 3',
      'tally_requests_total{service="tally.v1.IngestService",method="IngestRun",protocol="connect",code="OK"} 1',
      'tally_requests_total{service="tally.v1.IngestService",method="IngestRun",protocol="grpc",code="UNAUTHENTICATED"} 2',
      'tally_auth_failures_total{reason="UNAUTHENTICATED"} 1',
      'tally_auth_failures_total{reason="TOKEN_REVOKED"} 1',
      'tally_request_duration_seconds_count{service="tally.v1.IngestService",method="IngestRun"} 6',
    ];
    for (const line of expected) expect(text.split("\n")).toContain(line);
    const names = [
      "tally_request_duration_seconds_bucket",
      "tally_commit_duration_seconds_bucket",
      "tally_write_queue_rows",
      "tally_fold_queue_rows",
      "tally_fold_oldest_seconds",
      'tally_write_lanes{state="busy",kind="result"}',
      'tally_write_lanes{state="all",kind="result"}',
      'tally_db_connections{state="used"}',
      'tally_db_connections{state="waiting"}',
      "tally_bytes_in_flight",
      "nodejs_eventloop_lag_p99_seconds",
      "process_resident_memory_bytes",
    ];
    for (const name of names) expect(text).toContain(`\n${name}`);
    expect(text).not.toContain(server.projectId);
    expect(text).not.toContain(server.organizationId);
  });
});

describe("the pages", () => {
  it("say that the process lives, of which version, and when", async () => {
    const before = Date.now();
    const answer = await fetch(`${server.url}/healthz`);
    expect(answer.status).toBe(200);
    const body = (await answer.json()) as Record<string, string>;
    expect(body).toEqual({
      status: "healthy",
      timestamp: expect.any(String),
      version: readVersion(),
    });
    expect(Date.parse(body["timestamp"] ?? "")).toBeGreaterThanOrEqual(before);
  });

  it("say when the database is away and when it is back, not at a short blip", async () => {
    await using database = await createTestDatabase();
    const { hostname, port } = new URL(database.url);
    await using proxy = await startTcpProxy({ host: hostname, port: Number(port) });
    await using behind = await startTestServer({ databaseUrl: proxy.through(database.url) });
    const ready = async () => {
      const answer = await fetch(`${behind.url}/readyz`);
      return { status: answer.status, body: await answer.json() };
    };
    await expect.poll(async () => (await ready()).status, { timeout: 30_000 }).toBe(200);

    // Longer than the pause between two probes and the time of one: at least one of them fails.
    const blipMs = defaultTimeouts.probeIntervalMs + defaultTimeouts.probeTimeoutMs + 200;
    const seen: number[] = [];
    const endsAt = Date.now() + blipMs;
    proxy.setBlackhole(true);
    while (Date.now() < endsAt) {
      seen.push((await ready()).status);
      await sleep(50);
    }
    proxy.cut("rst");
    proxy.setBlackhole(false);
    expect(new Set(seen)).toEqual(new Set([200]));

    proxy.setBlackhole(true);
    await expect.poll(ready, { timeout: 30_000, interval: 100 }).toEqual({
      status: 503,
      body: { status: "not ready", failing: "database" },
    });
    expect((await fetch(`${behind.url}/healthz`)).status).toBe(200);
    proxy.setBlackhole(false);
    await expect.poll(async () => (await ready()).status, { timeout: 30_000 }).toBe(200);
  }, 120_000);
});
