/** TALLY_CLIENT_EVENTS_PER_SECOND: one client of a project that sends too much holds up no other. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import type { IngestEventsRequestSchema } from "../../../gen/tally/v1/event_service_pb.js";
import { ReplayOutcome } from "../../../gen/tally/v1/rejection_service_pb.js";
import { Scope } from "../../../gen/tally/v1/tenancy_pb.js";
import { createTallyClient, readError } from "../../../src/client/index.js";
import { startTestServer, type TestServer } from "../../support/server.js";

let server: TestServer;
beforeAll(async () => {
  // However long a call takes, no event more is let in before a test says that time has passed.
  vi.useFakeTimers({ toFake: ["Date"] });
  server = await startTestServer({ env: { TALLY_CLIENT_EVENTS_PER_SECOND: "5" } });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  vi.useRealTimers();
});
const pass = (ms: number) => vi.setSystemTime(Date.now() + ms);

async function newToken(): Promise<string> {
  const { tenancy } = server.client();
  const { organizationId } = server;
  const { project } = await tenancy.createProject({ organizationId, name: `${Math.random()}` });
  const projectId = project?.projectId ?? "";
  const scopes = [Scope.INGEST, Scope.READ, Scope.MANAGE];
  return (await tenancy.createToken({ projectId, name: "all", scopes })).secret;
}

const views = (client: string, first: number, count: number) =>
  Array.from({ length: count }, (_, i) => ({
    payload: {
      case: "json" as const,
      value: Buffer.from(
        JSON.stringify({ site_id: client, type: "page_view", ts: 1_700_000_000 + first + i }),
      ),
    },
  }));

async function* frames(
  events: ReturnType<typeof views>,
): AsyncGenerator<MessageInitShape<typeof IngestEventsRequestSchema>> {
  yield { frame: { case: "open" as const, value: {} } };
  yield { frame: { case: "batch" as const, value: { events } } };
  yield { frame: { case: "finish" as const, value: {} } };
}

/** What the call answers: how many it processed, or why it failed. */
async function send(token: string, events: ReturnType<typeof views>) {
  const { events: service } = server.client(token);
  try {
    return Number((await service.ingestEvents(frames(events))).processedCount);
  } catch (error) {
    return readError(error);
  }
}

it("refuses the call that is over it, whole, and says when it fits", async () => {
  const token = await newToken();
  expect(await send(token, views("busy", 0, 10))).toBe(10);
  const refused = await send(token, [...views("busy", 10, 4), ...views("quiet", 0, 3)]);
  expect(refused).toMatchObject({
    code: Code.ResourceExhausted,
    reason: "RATE_LIMITED",
    message: expect.stringContaining('client "busy" is over 5 events a second'),
    metadata: { client: "busy" },
  });
  const { events } = await server.client(token).events.listEvents({});
  expect(events).toHaveLength(10);
  // Others are not held up: neither clients of the project, nor the same one of another project.
  expect(await send(token, views("quiet", 0, 10))).toBe(10);
  expect(await send(await newToken(), views("busy", 0, 10))).toBe(10);
  const waitMs = typeof refused === "number" ? 0 : (refused.retryAfterMs ?? 0);
  expect(waitMs).toBeGreaterThan(0);
  expect(waitMs).toBeLessThanOrEqual(800);
  pass(waitMs);
  expect(await send(token, views("busy", 10, 4))).toBe(4);
});

it("is waited for by a client that tries again", async () => {
  const token = await newToken();
  const client = createTallyClient({ url: server.url, token });
  expect(await send(token, views("patient", 0, 10))).toBe(10);
  const [event = {}] = views("patient", 10, 1);
  const refused = () => server.logLines.filter(({ code }) => code === "RESOURCE_EXHAUSTED").length;
  const before = refused();
  const call = client.events.ingestEvent({ event });
  await expect.poll(refused).toBe(before + 1);
  pass(200);
  await call;
  expect((await client.events.listEvents({})).events).toHaveLength(11);
  client.close();
});

it("counts refused events of a client, and not their replay", async () => {
  const token = await newToken();
  const bad = Array.from({ length: 10 }, (_, i) => ({
    payload: {
      case: "json" as const,
      value: Buffer.from(`{"site_id":"broken","type":"page_view","ts":"never ${i}"}`),
    },
  }));
  expect(await send(token, bad)).toBe(0);
  expect(await send(token, views("broken", 0, 5))).toMatchObject({ reason: "RATE_LIMITED" });
  const { rejections } = server.client(token);
  const kept = (await rejections.listRejections({})).rejections;
  expect(kept).toHaveLength(10);
  const entries = kept.map(({ rejectionId }) => ({ rejectionId }));
  const { results } = await rejections.replayRejections({ entries });
  expect(results.map(({ outcome }) => outcome)).toEqual(Array(10).fill(ReplayOutcome.REJECTED));
});
