import { Code, ConnectError } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ErrorInfoSchema, RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.js";
import { DbError, type DbErrorKind } from "../../src/db/errors.js";
import { fromDbError } from "../../src/rpc/database-error.js";
import { startTestServer, type TestServer } from "../support/server.js";

it.each<[DbErrorKind, string, Code, string, boolean]>([
  ["transient", "", Code.Unavailable, "DATABASE_UNAVAILABLE", true],
  ["timeout", "", Code.Unavailable, "DATABASE_BUSY", true],
  ["check", "rejection_quota", Code.ResourceExhausted, "REFUSAL_QUOTA_EXCEEDED", false],
])("turns %s %s into a status that a caller can act on", (kind, constraint, code, reason, hint) => {
  const cause = new DbError(kind, "secret text of the server", "", constraint);
  const error = fromDbError(cause, Infinity);
  if (!(error instanceof ConnectError)) throw new Error("no ConnectError");
  expect(error.code).toBe(code);
  expect(error.findDetails(ErrorInfoSchema)[0]?.reason).toBe(reason);
  expect(error.findDetails(RetryInfoSchema).length > 0).toBe(hint);
  expect(error.message).not.toContain("secret text");
  expect(error.cause).toBe(cause);
});

it("says that the caller's time is up, not that the database is busy, once it is", () => {
  const cause = new DbError("timeout", "no answer within 200 ms", "", "");
  const answer = (deadlineAt: number) => {
    const error = fromDbError(cause, deadlineAt);
    if (!(error instanceof ConnectError)) throw new Error("no ConnectError");
    return [error.code, error.findDetails(ErrorInfoSchema)[0]?.reason];
  };
  expect(answer(Date.now())).toEqual([Code.DeadlineExceeded, "DEADLINE_EXCEEDED"]);
  // Timers are early by a millisecond now and then.
  expect(answer(Date.now() + 2)).toEqual([Code.DeadlineExceeded, "DEADLINE_EXCEEDED"]);
  expect(answer(Date.now() + 10_000)).toEqual([Code.Unavailable, "DATABASE_BUSY"]);
});

it.each([
  new DbError("bug", "x", "42601", ""),
  new DbError("poison", "x", "22021", ""),
  new DbError("unique", "x", "23505", "runs_pkey"),
  new DbError("check", "x", "23514", ""),
  new ConnectError("x", Code.NotFound),
  new Error("x"),
])("leaves %o as it is", (error) => {
  expect(fromDbError(error, Infinity)).toBe(error);
});

describe("a call without any time left is told so, whatever it asks", () => {
  const calls: [string, object][] = [
    ["IngestService/IngestRun", { run: { runId: "r" } }],
    ["IngestService/FinishRun", { runId: "r" }],
    ["IngestService/DeleteRun", { runId: "r" }],
    ["EventService/IngestEvent", { event: { json: "e30=" } }],
    ["EventService/ReprocessEvents", {}],
    ["RejectionService/ListRejections", {}],
    ["RejectionService/DismissRejections", { rejectionIds: ["0".repeat(32)] }],
    ["RejectionService/ReplayRejections", { entries: [{ rejectionId: "0".repeat(32) }] }],
  ];
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  it.each(calls)("%s", async (path, request) => {
    const send = (timeout: object) =>
      fetch(`${server.url}/tally.v1.${path}`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${server.allToken}`,
          "content-type": "application/json",
          ...timeout,
        },
        body: JSON.stringify(request),
      });
    // The token is verified, and the project known.
    await send({});
    const answer = await send({ "connect-timeout-ms": "0" });
    expect(await answer.json()).toMatchObject({ code: "deadline_exceeded" });
  });
});
