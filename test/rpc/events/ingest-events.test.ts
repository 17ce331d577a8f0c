import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, expect, it } from "vitest";
import { EventMode, EventOutcome } from "../../../gen/tally/v1/event_pb.js";
import { ReplayOutcome } from "../../../gen/tally/v1/rejection_service_pb.js";
import { errorMetadata, fieldViolations } from "../../../src/client/index.js";
import { Connection } from "../../../src/db/client.js";
import { failure } from "../../support/failure.js";
import { startTestServer, type TestServer } from "../../support/server.js";

let server: TestServer;
let db: Connection;
beforeAll(async () => {
  server = await startTestServer();
  db = new Connection({ url: server.databaseUrl, prepare: false });
});
afterAll(async () => {
  await db[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const input = (text: string) => ({
  payload: { case: "json" as const, value: new TextEncoder().encode(text) },
});
const view = (client: string, n: number) =>
  input(
    `{"site_id":"${client}","event_type":"page_view","path":"/${n}","ts":${1_700_000_000 + n}}`,
  );
const open = (mode = EventMode.WAIT) => ({
  frame: { case: "open" as const, value: { mode } },
});
const batch = (events: ReturnType<typeof input>[]) => ({
  frame: { case: "batch" as const, value: { events } },
});
const finish = (expectedEventCount?: bigint) => ({
  frame: {
    case: "finish" as const,
    value: expectedEventCount === undefined ? {} : { expectedEventCount },
  },
});

async function* stream<T>(frames: readonly T[]): AsyncGenerator<T> {
  yield* frames;
}

const upload = (frames: readonly Parameters<typeof stream>[0][number][]) =>
  server.client(server.ingestToken).events.ingestEvents(stream(frames as never[]));

const stored = async (client: string) =>
  Number(
    (
      await db.query<{ n: string }>("SELECT count(*) AS n FROM events WHERE client = $1", [client])
    )[0]?.n,
  );

it("counts every event of a stream once, and lists what needs a look", async () => {
  const events = Array.from({ length: 3_000 }, (_, n) => view("counted", n));
  const frames = [
    open(),
    batch(events.slice(0, 2_000)),
    batch([...events.slice(1_500), input("{"), view("counted", 0), input(`{"source":"counted"}`)]),
    finish(3_503n),
  ];
  const answer = await upload(frames);
  expect(answer).toMatchObject({
    receivedCount: 3_503n,
    processedCount: 3_000n,
    duplicateCount: 501n,
    rejectedCount: 2n,
    conflictCount: 0n,
    queuedCount: 0n,
    complete: true,
    refusalsTruncated: false,
  });
  expect(answer.refusals.map(({ index, outcome }) => [index, outcome])).toEqual([
    [3_500n, EventOutcome.REJECTED],
    [3_502n, EventOutcome.REJECTED],
  ]);
  expect(await stored("counted")).toBe(3_000);
  // The ledger says the same, by client.
  const ledger = await db.query(
    `SELECT
      client, sum(processed_count)::int AS processed, sum(duplicate_count)::int AS duplicate,
      sum(rejected_count)::int AS rejected
    FROM event_batches GROUP BY client ORDER BY client`,
  );
  expect(ledger).toEqual([
    { client: "", processed: 0, duplicate: 0, rejected: 1 },
    { client: "counted", processed: 3_000, duplicate: 501, rejected: 1 },
  ]);
  // Sent again, all of it is there.
  expect(await upload(frames)).toMatchObject({ duplicateCount: 3_501n, rejectedCount: 2n });
});

it("sees that a stream is short, or was not finished", async () => {
  expect(await upload([open(), batch([view("short", 1)]), finish(2n)])).toMatchObject({
    processedCount: 1n,
    complete: false,
  });
  expect(await upload([open(), batch([view("short", 2)])])).toMatchObject({
    processedCount: 1n,
    complete: false,
  });
  expect(await stored("short")).toBe(2);
});

it("takes a Struct, and asks for a string where a double lost digits", async () => {
  const fields = (amount: number) => ({
    payload: {
      case: "fields" as const,
      value: { source: "struct", metric: "m", amount, timestamp: "2024-01-01" },
    },
  });
  const answer = await upload([
    open(),
    batch([
      fields(12.5),
      fields(2 ** 60),
      input('{"source":"struct","metric":"m","amount":"12.50","timestamp":"2024-01-01"}'),
    ] as never[]),
    finish(),
  ]);
  expect(answer).toMatchObject({ processedCount: 1n, duplicateCount: 1n, rejectedCount: 1n });
  expect(answer.refusals[0]?.fieldViolations[0]).toMatchObject({
    field: "amount",
    description: expect.stringContaining("send a string"),
  });
});

it("replays no number that a double may have changed", async () => {
  const { rejections, events } = server.client(server.allToken);
  const amounts = [2 ** 60, Number.NaN];
  const refused = await Promise.all(
    amounts.map((amount, n) => {
      const value = { source: "doubles", type: "sale", amount, timestamp: 1_700_000_000 + n };
      return failure(events.ingestEvent({ event: { payload: { case: "fields", value } } }));
    }),
  );
  const entries = refused.map((error) => ({
    rejectionId: errorMetadata(error)["rejection_id"] ?? "",
  }));
  const { results } = await rejections.replayRejections({ entries });
  const { REJECTED } = ReplayOutcome;
  expect(results.map(({ outcome }) => outcome)).toEqual([REJECTED, REJECTED]);
  expect(await stored("doubles")).toBe(0);
});

it("queues a stream, and processes all of it", async () => {
  const events = Array.from({ length: 1_500 }, (_, n) => view("queued", n));
  expect(await upload([open(EventMode.QUEUE), batch(events), finish()])).toMatchObject({
    queuedCount: 1_500n,
    complete: true,
  });
  const left = async () =>
    Number((await db.query<{ n: string }>("SELECT count(*) AS n FROM inbox"))[0]?.n);
  await expect.poll(left).toBe(0);
  const [row] = await db.query(
    `SELECT count(*)::int AS n, min(state) AS state, count(processed_at)::int AS at
    FROM events WHERE client = 'queued'`,
  );
  expect(row).toEqual({ n: 1_500, state: 2, at: 1_500 });
});

it.each([
  ["a batch before open", [batch([])], "batch"],
  ["a second open", [open(), open()], "open"],
  ["an unknown mode", [open(9 as EventMode)], "open.mode"],
  ["a negative count", [open(), finish(-1n)], "finish.expected_event_count"],
])("refuses %s, with the field", async (_, frames, field) => {
  const error = await failure(upload(frames as never[]));
  expect(Code[error.code]).toBe("InvalidArgument");
  expect(fieldViolations(error).map((violation) => violation.field)).toEqual([field]);
});

it("takes lines through the raw door, and names the ones that are wrong", async () => {
  const post = async (body: string, path = "/v1/events") => {
    const response = await fetch(server.url + path, {
      method: "POST",
      headers: {
        authorization: `Bearer ${server.ingestToken}`,
        "content-type": "application/x-ndjson; charset=utf-8",
      },
      body,
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const line = (n: number) => Buffer.from(view("lines", n).payload.value).toString();
  const lines = `${line(1)}\n\r\n${line(2)}\r\nnot json\n${line(1)}`;
  expect(await post(lines)).toMatchObject({
    status: 201,
    body: {
      receivedCount: "4",
      processedCount: "2",
      duplicateCount: "1",
      rejectedCount: "1",
      complete: true,
      refusals: [{ index: "2", outcome: "EVENT_OUTCOME_REJECTED" }],
    },
  });
  expect((await post(line(1))).status).toBe(200);
  expect((await post(`${line(3)}\n`, "/v1/events?mode=queue")).status).toBe(202);
  expect((await post("nothing")).status).toBe(400);
  expect(await post(line(1), "/v1/events?mod=queue")).toMatchObject({
    status: 400,
    body: { code: "invalid_argument" },
  });
});
