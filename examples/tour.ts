/**
 * The first steps with Tally, each with its answer. Starts a server of its own, or uses TALLY_URL with an admin
 * token in TALLY_TOKEN. Ends with exit code 1 at the first answer that is not the expected one.
 */
import assert from "node:assert/strict";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { Status } from "../gen/tally/v1/run_pb.js";
import { Scope } from "../gen/tally/v1/tenancy_pb.js";
import { createTallyClient } from "../src/client/index.js";
import { startThrowawayServer } from "./throwaway-server.js";

const url = process.env["TALLY_URL"];
const adminToken = process.env["TALLY_TOKEN"];
if (url && adminToken) {
  await walk(url, adminToken);
} else {
  console.log("Starting a server with a database of its own …");
  await using server = await startThrowawayServer(process.env);
  await walk(server.url, server.adminToken);
}
console.log("\nThat is all: every answer was the expected one.");

async function walk(url: string, adminToken: string): Promise<void> {
  const admin = createTallyClient({ url, token: adminToken });
  const name = `Tour ${new Date().toISOString()}`;

  const { organization } = await step("1. Create an organization", () =>
    admin.tenancy.createOrganization({ name }),
  );
  const organizationId = organization?.organizationId ?? "";
  assert.notEqual(organizationId, "");

  const { project } = await step("2. Create a project in it", () =>
    admin.tenancy.createProject({ organizationId, name: "shop" }),
  );
  const projectId = project?.projectId ?? "";
  assert.notEqual(projectId, "");

  const { secret } = await step("3. Create a token that may send results and read them", () =>
    admin.tenancy.createToken({ projectId, name: "ci", scopes: [Scope.INGEST, Scope.READ] }),
  );
  assert.match(secret, /^tly_/);
  admin.close();

  const ci = createTallyClient({ url, token: secret });
  const build = {
    run: {
      runId: "build-123",
      status: Status.PASSED,
      duration: { seconds: 5n },
      finishTime: timestampFromDate(new Date("2026-01-12T10:00:00Z")),
    },
  };
  const first = await step("4. Record a run: build-123 passed in 5 s", () =>
    ci.ingest.ingestRun(build),
  );
  assert.equal(first.runId, "build-123");
  assert.equal(first.runDuplicate, false);

  const again = await step("5. The same again: a success, counted once", () =>
    ci.ingest.ingestRun(build),
  );
  assert.equal(again.runDuplicate, true);
  assert.deepEqual(again.runConflict, []);
  const { runs } = await ci.stats.listRuns({});
  assert.deepEqual(
    runs.map(({ runId, status }) => [runId, status]),
    [["build-123", Status.PASSED]],
  );
  ci.close();

  const stranger = createTallyClient({ url, token: "tly_p_wrong_wrong_wrong" });
  const refusal = await step("6. A wrong token", () => failure(stranger.ingest.ingestRun(build)));
  assert.equal(refusal.code, Code.Unauthenticated);
  stranger.close();

  const invalid = await step("7. An invalid payload, by JSON over HTTP", () =>
    post(`${url}/tally.v1.IngestService/IngestRun`, secret, {
      run: { runId: "build-124", status: "broken" },
    }),
  );
  assert.equal(invalid.status, 400);
  assert.match(invalid.body, /status/);

  const metrics = await step("8. What the server counted", () => runMetrics(url));
  assert.match(metrics.join("\n"), /tally_runs_total\{outcome="accepted"\} [1-9]/);
  assert.match(metrics.join("\n"), /tally_runs_total\{outcome="duplicate"\} [1-9]/);
}

/** Prints what is done and what it answers. */
async function step<T>(title: string, act: () => Promise<T>): Promise<T> {
  console.log(`\n${title}`);
  const answer = await act();
  const shown = answer instanceof ConnectError ? answer.message : JSON.stringify(answer, plain);
  console.log(`   ${shown}`);
  return answer;
}

function plain(key: string, value: unknown): unknown {
  if (key.startsWith("$") || value === "") return undefined;
  return typeof value === "bigint" ? Number(value) : value;
}

async function failure(call: Promise<unknown>): Promise<ConnectError> {
  const error = await call.then(
    () => new Error("the call succeeded"),
    (error: unknown) => error,
  );
  if (error instanceof ConnectError) return error;
  throw error;
}

async function post(address: string, token: string, body: unknown) {
  const response = await fetch(address, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: await response.text() };
}

async function runMetrics(url: string): Promise<string[]> {
  const response = await fetch(`${url}/metrics`);
  assert.equal(response.status, 200);
  return (await response.text()).split("\n").filter((line) => line.startsWith("tally_runs_total"));
}
