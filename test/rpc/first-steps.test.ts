import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Status } from "../../gen/tally/v1/run_pb.js";
import { errorMetadata } from "../../src/client/index.js";
import { failure } from "../support/failure.js";
import { startTestServer, type TestServer } from "../support/server.js";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server[Symbol.asyncDispose]());

const build = {
  run: {
    runId: "build-123",
    status: Status.PASSED,
    duration: { seconds: 5n },
    finishTime: { seconds: BigInt(Date.parse("2026-01-12T10:00:00Z") / 1000) },
  },
};

describe("the documented first steps", () => {
  it("store a run once a project, and name what is unknown, taken or wrong", async () => {
    const { tenancy } = server.client();
    const { ingest } = server.client(server.ingestToken);
    expect((await ingest.ingestRun(build)).runDuplicate).toBe(false);
    expect((await ingest.ingestRun(build)).runDuplicate).toBe(true);

    const { organizationId } = server;
    const { project } = await tenancy.createProject({ organizationId, name: "another" });
    const projectId = project?.projectId ?? "";
    const elsewhere = await server.client().ingest.ingestRun({ ...build, projectId });
    expect(elsewhere.runDuplicate).toBe(false);

    const orphan = await failure(tenancy.createProject({ organizationId: "org_none", name: "x" }));
    expect(orphan.code).toBe(Code.NotFound);
    const { organization } = await tenancy.getOrganization({ organizationId });
    const name = organization?.name ?? "";
    const taken = await failure(tenancy.createOrganization({ name }));
    expect(taken.code).toBe(Code.AlreadyExists);
    expect(errorMetadata(taken)["organization_id"]).toBe(organizationId);
    const stranger = await failure(server.client("wrong").ingest.ingestRun(build));
    expect(stranger.code).toBe(Code.Unauthenticated);
  });
});

describe("bad JSON over HTTP", () => {
  const good = { runId: "bad", status: "STATUS_PASSED" };
  it.each<[string, string, string]>([
    ["an unknown status", JSON.stringify({ run: { ...good, status: "broken" } }), "run.status"],
    ["an unknown field", JSON.stringify({ run: { ...good, colour: "red" } }), "run.colour"],
    [
      "a bad time",
      JSON.stringify({ run: { ...good, finishTime: "not-a-date" } }),
      "run.finish_time",
    ],
    [
      "a bad time by its proto name",
      '{"run":{"run_id":"bad","finish_time":"not-a-date"}}',
      "run.finish_time",
    ],
    ["a negative duration", JSON.stringify({ run: { ...good, duration: "-5s" } }), "run.duration"],
    ["an empty run_id", JSON.stringify({ run: { ...good, runId: "" } }), "run.run_id"],
    ["no run_id", JSON.stringify({ run: { status: "STATUS_PASSED" } }), "run.run_id"],
    ["half a body", JSON.stringify({ run: good }).slice(0, 20), "body"],
    [
      "a number that is none",
      '{"run":{"runId":"bad"},"results":[{"attempt":"x"}]}',
      "results[0].attempt",
    ],
  ])("%s is 400 with the field named, and nothing is stored", async (_, body, field) => {
    const response = await fetch(`${server.url}/tally.v1.IngestService/IngestRun`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        authorization: `Bearer ${server.ingestToken}`,
      },
      body,
    });
    expect(response.status).toBe(400);
    const answer = (await response.json()) as {
      code: string;
      details: { type: string; debug: { fieldViolations?: { field: string }[] } }[];
    };
    expect(answer.code).toBe("invalid_argument");
    const violations = answer.details.flatMap(({ debug }) => debug.fieldViolations ?? []);
    expect(violations.map((violation) => violation.field)).toContain(field);
    const { runs } = await server.client(server.readToken).stats.listRuns({});
    expect(runs.map(({ runId }) => runId)).not.toContain("bad");
  });
});
