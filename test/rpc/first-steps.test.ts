/** What a newcomer does first, with the typed client and with nothing but an HTTP client. */
import { fromBinary } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { BadRequestSchema, ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.js";
import { RejectionKind } from "../../gen/tally/v1/rejection_pb.js";
import { RunState, Status } from "../../gen/tally/v1/run_pb.js";
import { Scope } from "../../gen/tally/v1/tenancy_pb.js";
import { errorMetadata } from "../../src/client/index.js";
import { failure } from "../support/failure.js";
import { startTestServer, type TestServer } from "../support/server.js";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server[Symbol.asyncDispose]());

const timeOf = (iso: string) => ({ seconds: BigInt(Date.parse(iso) / 1000), nanos: 0 });

/** A further project of the organization, with a token of every scope. */
async function newProject(name: string): Promise<{ projectId: string; token: string }> {
  const { tenancy } = server.client();
  const { organizationId } = server;
  const { project } = await tenancy.createProject({ organizationId, name });
  const projectId = project?.projectId ?? "";
  const scopes = [Scope.INGEST, Scope.READ, Scope.MANAGE];
  const { secret } = await tenancy.createToken({ projectId, name, scopes });
  return { projectId, token: secret };
}

interface Reply {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  readonly fields: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** A call as `curl` makes it. */
async function post(method: string, token: string | null, body: string): Promise<Reply> {
  const authorization = token === null ? {} : { authorization: `Bearer ${token}` };
  const response = await fetch(`${server.url}/tally.v1.${method}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...authorization },
    body,
  });
  const answer = (await response.json()) as Record<string, unknown>;
  const details = (answer["details"] ?? []) as { type: string; value: string }[];
  const bytesOf = (type: string) =>
    details.filter((each) => each.type === type).map(({ value }) => Buffer.from(value, "base64"));
  return {
    status: response.status,
    body: answer,
    fields: bytesOf(BadRequestSchema.typeName).flatMap((bytes) =>
      fromBinary(BadRequestSchema, bytes).fieldViolations.map(({ field }) => field),
    ),
    metadata: Object.assign(
      {},
      ...bytesOf(ErrorInfoSchema.typeName).map((b) => fromBinary(ErrorInfoSchema, b).metadata),
    ) as Record<string, string>,
  };
}

describe("the documented first steps", () => {
  const finishTime = "2026-01-12T10:00:00Z";
  const build = {
    runId: "build-123",
    status: Status.PASSED,
    duration: { seconds: 5n },
    finishTime: timeOf(finishTime),
  };
  /** The same in JSON. */
  const run = { runId: "build-123", status: "STATUS_PASSED", duration: "5s", finishTime };

  it("with the typed client", async () => {
    const { tenancy } = server.client();
    const { ingest } = server.client(server.ingestToken);
    const first = await ingest.ingestRun({ run: build });
    expect(first).toMatchObject({ runId: "build-123", runDuplicate: false, runConflict: [] });
    const again = await ingest.ingestRun({ run: build });
    expect(again).toMatchObject({ runId: "build-123", runDuplicate: true, runConflict: [] });
    const { runs } = await server.client(server.readToken).stats.listRuns({});
    expect(runs).toMatchObject([
      {
        runId: "build-123",
        state: RunState.FINISHED,
        status: Status.PASSED,
        startTime: timeOf("2026-01-12T09:59:55Z"),
        finishTime: timeOf(finishTime),
        totals: { resultCount: 0n },
      },
    ]);

    const other = await newProject("another shop");
    const elsewhere = await server.client(other.token).ingest.ingestRun({ run: build });
    expect(elsewhere.runDuplicate).toBe(false);

    const orphan = await failure(tenancy.createProject({ organizationId: "org_none", name: "x" }));
    expect(orphan.code).toBe(Code.NotFound);
    const { organizationId } = server;
    const { organization } = await tenancy.getOrganization({ organizationId });
    const taken = await failure(tenancy.createOrganization({ name: organization?.name ?? "" }));
    expect(taken.code).toBe(Code.AlreadyExists);
    expect(errorMetadata(taken)).toEqual({ organization_id: organizationId });
    const stranger = await failure(server.client("wrong").ingest.ingestRun({ run: build }));
    expect(stranger.code).toBe(Code.Unauthenticated);
  });

  it("with nothing but HTTP and JSON, up to the HTTP status", async () => {
    const { adminToken: admin } = server;
    const { projectId, token } = await newProject("a curl shop");
    const ingest = (to: string | null, more = {}) =>
      post("IngestService/IngestRun", to, JSON.stringify({ run, ...more }));
    expect(await ingest(token)).toMatchObject({ status: 200, body: { runDuplicate: false } });
    expect(await ingest(token)).toMatchObject({ status: 200, body: { runDuplicate: true } });
    const other = await newProject("another curl shop");
    const elsewhere = await ingest(admin, { projectId: other.projectId });
    expect(elsewhere).toMatchObject({ status: 200, body: { runDuplicate: false } });
    const read = await post("StatsService/GetRun", token, JSON.stringify({ runId: "build-123" }));
    expect(read.body["run"]).toMatchObject({
      projectId,
      state: "RUN_STATE_FINISHED",
      status: "STATUS_PASSED",
      startTime: "2026-01-12T09:59:55Z",
      finishTime,
      duration: "5s",
    });

    const create = (kind: string, body: object) =>
      post(`TenancyService/Create${kind}`, admin, JSON.stringify(body));
    const made = await create("Organization", { name: "curl" });
    const { organizationId } = made.body["organization"] as { organizationId: string };
    expect(await create("Organization", { name: "curl" })).toMatchObject({
      status: 409,
      body: { code: "already_exists" },
      metadata: { organization_id: organizationId },
    });
    expect(await create("Project", { organizationId: "org_none", name: "x" })).toMatchObject({
      status: 404,
      body: { code: "not_found" },
    });
    for (const wrong of [null, "wrong"]) {
      expect(await ingest(wrong)).toMatchObject({
        status: 401,
        body: { code: "unauthenticated" },
      });
    }
  });
});

describe("bad JSON", () => {
  const good = { runId: "bad", status: "STATUS_PASSED" };
  const body = (change: object) => JSON.stringify({ run: { ...good, ...change } });
  let project: { projectId: string; token: string };
  let projects = 0;
  beforeEach(async () => {
    projects += 1;
    project = await newProject(`a shop of mistakes ${projects}`);
  });
  const stored = async () =>
    (await server.client(project.token).stats.listRuns({})).runs.map(({ runId }) => runId);

  it.each<[string, string, string]>([
    ["an unknown status", body({ status: "broken" }), "run.status"],
    ["an unknown field", body({ colour: "red" }), "run.colour"],
    ["an unknown field at the top", JSON.stringify({ run: good, colour: "red" }), "colour"],
    ["a time that is none", body({ finishTime: "not-a-date" }), "run.finish_time"],
    ["the same by its proto name", body({ finish_time: "not-a-date" }), "run.finish_time"],
    ["a duration that is none", body({ duration: "five" }), "run.duration"],
    ["a negative duration", body({ duration: "-5s" }), "run.duration"],
    ["an empty run_id", body({ runId: "" }), "run.run_id"],
    ["a missing run_id", JSON.stringify({ run: { status: good.status } }), "run.run_id"],
    ["a missing run", "{}", "run"],
    ["a body cut in half", body({}).slice(0, 24), "body"],
    ["no body", "", "body"],
    [
      "a number that is none",
      JSON.stringify({ run: good, results: [{ attempt: "x" }] }),
      "results[0].attempt",
    ],
  ])("%s is 400 with the field named, and no run is stored", async (_, text, field) => {
    const reply = await post("IngestService/IngestRun", project.token, text);
    expect(reply).toMatchObject({
      status: 400,
      body: { code: "invalid_argument" },
      fields: [field],
    });
    expect(await stored()).toEqual([]);
  });

  it("keeps what decoded and was refused, and nothing of what did not decode", async () => {
    const { token } = project;
    const { rejections } = server.client(token);
    await post("IngestService/IngestRun", token, body({ status: "broken" }));
    expect((await rejections.listRejections({})).rejections).toEqual([]);
    const reply = await post("IngestService/IngestRun", token, body({ duration: "-5s" }));
    const kept = await rejections.listRejections({});
    expect(kept.rejections).toMatchObject([
      { rejectionId: reply.metadata["rejection_id"], kind: RejectionKind.RUN, runId: "bad" },
    ]);
  });

  it("is what is wrong with it: the body without the fault is stored", async () => {
    const reply = await post("IngestService/IngestRun", project.token, body({}));
    expect(reply).toMatchObject({ status: 200, body: { runId: "bad" }, fields: [] });
    expect(await stored()).toEqual(["bad"]);
  });
});
