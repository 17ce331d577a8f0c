import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Status } from "../gen/tally/v1/run_pb.js";
import { startTestServer, type TestServer } from "./support/server.js";

let server: TestServer;
let wrongToken: string;
beforeAll(async () => {
  server = await startTestServer();
  const { ingest, tenancy } = {
    ingest: server.client(server.ingestToken).ingest,
    tenancy: server.client().tenancy,
  };
  const run = { runId: "seen", status: Status.PASSED, source: { branch: "main" } };
  const named = (name: string, status = Status.PASSED) => ({ test: { name }, status });
  await ingest.ingestRun({ run, results: [named("a"), named("b"), named("")] });
  await ingest.ingestRun({ run, results: [named("a")] });
  const other = { ...run, source: { branch: "dev" } };
  await ingest.ingestRun({ run: other, results: [named("a", Status.FAILED)] });
  const { projectId } = server;
  const made = await tenancy.createToken({ projectId, name: "gone", scopes: [1] });
  await tenancy.revokeToken({ tokenId: made.token?.tokenId ?? "" });
  wrongToken = made.secret.replace(/_[0-9a-f]+_/, "_0000_");
  await server
    .client(wrongToken)
    .ingest.ingestRun({ run })
    .catch(() => {});
  await post("IngestService/IngestRun", server.ingestToken, { run: { runId: "by JSON" } });
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
  const ids = { duration_ms: expect.any(Number), request_id: expect.any(String) };
  const run = () => ({ project_id: server.projectId, run_id: "seen" });

  it.each([
    ["org_created", () => ({ organization_id: server.organizationId })],
    ["project_created", () => ({ project_id: server.projectId })],
    ["token_created", () => ({ project_id: server.projectId, token_id: expect.any(String) })],
    ["token_revoked", () => ({ token_id: expect.any(String) })],
    ["run_ingested", () => ({ ...run(), accepted_count: 2, rejected_count: 1 })],
    ["run_duplicate", () => ({ ...run(), duplicate_count: 1 })],
    ["run_conflict", () => ({ ...run(), fields: ["source.branch"] })],
    [
      "item_rejected",
      () => ({ ...run(), rejection_ids: [expect.stringMatching(/^[0-9a-f]{32}$/)] }),
    ],
    ["auth_failed", () => ({ address: expect.any(String), reason: expect.any(String) })],
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
      ["connect", "OK"],
    ]);
    expect(calls[0]).toMatchObject({
      ...ids,
      request_bytes: expect.any(Number),
      response_bytes: expect.any(Number),
      project_id: server.projectId,
      token_id: server.ingestToken.split("_")[2],
    });
  });

  it("never holds a secret", () => {
    const text = JSON.stringify(server.logLines);
    const secrets = [server.ingestToken, server.readToken, wrongToken, server.adminToken];
    for (const secret of secrets) expect(text).not.toContain(secret.split("_")[3] ?? secret);
  });

  it("names the request id that the reply has", async () => {
    const own = await post(
      "StatsService/ListRuns",
      server.readToken,
      {},
      { "x-request-id": "mine-1" },
    );
    expect(own.headers.get("x-request-id")).toBe("mine-1");
    const made = await post("StatsService/GetRun", server.readToken, { runId: "unknown" });
    const id = made.headers.get("x-request-id");
    expect(lines("request").map((line) => line["request_id"])).toEqual(
      expect.arrayContaining(["mine-1", id]),
    );
  });
});

describe("the metrics", () => {
  it("count runs, results, tenancy and calls by outcome; a duplicate is no error", async () => {
    const text = await (await fetch(`${server.url}/metrics`)).text();
    const expected = [
      "tally_organizations_created_total 1",
      "tally_projects_created_total 1",
      'tally_runs_total{outcome="accepted"} 2',
      'tally_runs_total{outcome="duplicate"} 1',
      'tally_runs_total{outcome="conflict"} 1',
      'tally_results_total{outcome="accepted"} 2',
      'tally_results_total{outcome="duplicate"} 1',
      'tally_results_total{outcome="conflict"} 1',
      'tally_results_total{outcome="rejected"} 1',
      'tally_requests_total{service="tally.v1.IngestService",method="IngestRun",protocol="grpc",code="OK"} 3',
      'tally_requests_total{service="tally.v1.IngestService",method="IngestRun",protocol="connect",code="OK"} 1',
    ];
    for (const line of expected) expect(text.split("\n")).toContain(line);
    const names = [
      "tally_tokens_created_total",
      "tally_request_duration_seconds_bucket",
      "tally_commit_duration_seconds_bucket",
      "tally_write_queue_rows",
      "tally_write_lanes",
      'tally_db_connections{state="used"}',
      'tally_db_connections{state="waiting"}',
      "tally_auth_failures_total",
      "tally_bytes_in_flight",
      "nodejs_eventloop_lag_p99_seconds",
      "process_resident_memory_bytes",
    ];
    for (const name of names) expect(text).toContain(`\n${name}`);
    expect(text).not.toContain(server.projectId);
  });
});
