import type { MessageInitShape } from "@bufbuild/protobuf";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { PublishResultsRequestSchema } from "../../gen/tally/v1/ingest_service_pb.js";
import { Scope } from "../../gen/tally/v1/tenancy_pb.js";
import { errorReason, type TallyClient } from "../../src/client/index.js";
import { failure } from "../support/failure.js";
import { startTestServer, type TestServer } from "../support/server.js";

let server: TestServer;
let other: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  other = await startTestServer({ databaseUrl: server.databaseUrl });
});
afterAll(async () => {
  await other[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

/** As the issue asks. */
const ENDED_WITHIN_MS = 1_000;

it("ends the open streams of a revoked token on both servers within a second, and no other's", async () => {
  const { tenancy } = server.client();
  const scopes = [Scope.INGEST];
  const made = await tenancy.createToken({ projectId: server.projectId, name: "brief", scopes });
  const streams = await Promise.all([
    openStream(server.client(made.secret)),
    openStream(other.client(made.secret)),
  ]);
  const untouched = await openStream(other.client(server.ingestToken));

  const revokedAt = performance.now();
  await tenancy.revokeToken({ tokenId: made.token?.tokenId ?? "" });
  const errors = await Promise.all(streams.map(({ ended }) => failure(ended)));
  expect(performance.now() - revokedAt).toBeLessThan(ENDED_WITHIN_MS);
  for (const error of errors) {
    expect(error.message).toContain("[unauthenticated]");
    expect(errorReason(error)).toBe("TOKEN_REVOKED");
  }
  untouched.finish();
  await untouched.ended;
});

/** A stream that is open, and says nothing until it is finished. */
async function openStream({ ingest }: TallyClient) {
  let finish = () => {};
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  async function* frames(): AsyncGenerator<MessageInitShape<typeof PublishResultsRequestSchema>> {
    yield { frame: { case: "open", value: { run: { runId: "long" } } } };
    await finished;
    yield { frame: { case: "finish", value: {} } };
  }
  const answers = ingest.publishResults(frames())[Symbol.asyncIterator]();
  await answers.next();
  const ended = (async () => {
    while ((await answers.next()).done !== true);
  })();
  // Its failure is looked at later.
  ended.catch(() => {});
  return { ended, finish };
}
