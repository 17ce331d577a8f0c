import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RunState } from "../../gen/tally/v1/run_pb.js";
import { startTestServer, type TestServer } from "../support/server.js";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server[Symbol.asyncDispose]());

const JUNIT = `<testsuite name="cart" tests="2">
  <testcase classname="cart" name="adds" time="0.1"/>
  <testcase classname="cart" name="pays"><failure message="1 ≠ 2">trace</failure></testcase>
</testsuite>`;

async function post(runId: string, body: string, query = "format=junit", token = server.allToken) {
  const path = `/v1/runs/${encodeURIComponent(runId)}/reports?${query}`;
  const response = await fetch(server.url + path, {
    method: "POST",
    headers: { authorization: `Bearer ${token}` },
    body,
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}
const runOf = async (runId: string) =>
  (await server.client(server.allToken).stats.getRun({ runId })).run;

describe("a report file", () => {
  it("is stored as it is: 201, and 200 when it comes again", async () => {
    const first = await post("a/b c", JUNIT, "format=junit&branch=main&job=unit");
    expect(first).toMatchObject({ status: 201, body: { runId: "a/b c", acceptedCount: "2" } });
    const second = await post("a/b c", JUNIT, "format=junit&branch=main&job=unit");
    expect(second).toMatchObject({
      status: 200,
      body: { runDuplicate: true, acceptedCount: "0", duplicateCount: "2" },
    });
    expect(await runOf("a/b c")).toMatchObject({
      state: RunState.FINISHED,
      source: { branch: "main" },
      totals: { resultCount: 2n, failedCount: 1n },
    });
  });

  it("with other content is a conflict: 409", async () => {
    await post("changed", JUNIT);
    const changed = await post("changed", JUNIT.replace("0.1", "0.2"));
    expect(changed).toMatchObject({ status: 409, body: { conflictCount: "1" } });
  });

  it("that is cut off keeps what came before, names the line, and leaves the part unfinished", async () => {
    const cut = await post("cut", JUNIT.slice(0, JUNIT.indexOf("</failure>")));
    expect(cut).toMatchObject({ status: 400, body: { damage: { line: 3 } } });
    expect(await runOf("cut")).toMatchObject({ state: RunState.RUNNING });
  });

  it("in CTRF is read too", async () => {
    const tests = [{ name: "adds", status: "passed", duration: 5 }];
    const report = { results: { tool: { name: "jest" }, tests } };
    const answer = await post("ctrf", JSON.stringify(report), "format=ctrf");
    expect(answer).toMatchObject({ status: 201, body: { acceptedCount: "1" } });
  });

  it.each([
    ["an unknown format", "x", "format=tap", 400],
    ["an unknown parameter", "x", "colour=red", 400],
    ["a bad shard", "x", "shard_index=two", 400],
    ["a run_id that is too long", "x".repeat(300), "format=junit", 400],
  ])("with %s is refused", async (_, runId, query, status) => {
    const answer = await post(runId, JUNIT, query);
    expect(answer).toMatchObject({ status, body: { code: "invalid_argument" } });
  });

  it("needs a token with scope INGEST", async () => {
    expect((await post("x", JUNIT, "", "nonsense")).status).toBe(401);
    expect((await post("x", JUNIT, "", server.readToken)).status).toBe(403);
  });
});
