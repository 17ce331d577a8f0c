import { type ClientHttp2Session, connect } from "node:http2";
import { expect, test } from "vitest";
import type { TallyClient } from "../../src/client/index.js";
import { limits } from "../../src/limits.js";
import { startHonestCaller } from "./honest-caller.js";
import { startServerProcess } from "./server-process.js";

const STREAMS = 200;
/** A project may have half of the room. */
const SERVED = limits.bytesReceiving / 2 / limits.messageBytes;

test(`${STREAMS} streams that hold back the end of a 4 MiB frame cost what a few of them do`, async () => {
  await using server = await startServerProcess();
  const attacker = await server.newToken();
  const client = server.client(await server.newToken());
  await using honest = startHonestCaller(client);
  await using memory = await server.watchMemory();
  const sessions = Array.from({ length: 4 }, () =>
    connect(server.url, { maxSessionMemory: 1_000 }).setMaxListeners(STREAMS),
  );
  const refusals: Refusal[] = [];
  for (const session of sessions) {
    for (let i = 0; i < STREAMS / sessions.length; i += 1) {
      sendNearlyAll(session, attacker, (refusal) => refusals.push(refusal));
    }
  }
  // Another project's large messages find room meanwhile.
  expect(await sendLarge(client)).toBe(30n);

  await expect.poll(() => refusals.length).toBe(STREAMS - SERVED);
  for (const session of sessions) session.destroy();
  for (const refusal of refusals) expect(refusal).toEqual({ code: "14", retryAfterMs: "2000" });
  await honest.expectServed();
  // What the streams held is free again.
  expect(await sendLarge(server.client(attacker))).toBe(30n);
  // Without the bound, the server grows by nearly all that the streams send.
  expect(memory.grownBytes()).toBeLessThan((STREAMS * limits.messageBytes) / 4);
});

/** Sends 2 MiB in one call; how many of its 30 results were stored. */
async function sendLarge({ ingest }: TallyClient): Promise<bigint> {
  const stdout = "x".repeat(limits.outputBytes);
  const results = Array.from({ length: 30 }, (_, i) => ({
    test: { name: `t${i}` },
    status: 1,
    stdout,
  }));
  return (await ingest.ingestRun({ run: { runId: "large" }, results })).acceptedCount;
}

interface Refusal {
  readonly code: unknown;
  readonly retryAfterMs: unknown;
}

/** All but the last byte of a frame, as fast as the server takes it. */
function sendNearlyAll(
  session: ClientHttp2Session,
  token: string,
  onRefusal: (refusal: Refusal) => void,
): void {
  session.on("error", () => {});
  const stream = session.request({
    ":method": "POST",
    ":path": "/tally.v1.IngestService/UploadResults",
    "content-type": "application/grpc",
    te: "trailers",
    authorization: `Bearer ${token}`,
  });
  stream.on("error", () => {});
  stream.on("response", (headers) => {
    onRefusal({ code: headers["grpc-status"], retryAfterMs: headers["grpc-retry-pushback-ms"] });
  });
  const head = Buffer.alloc(5);
  head.writeUInt32BE(limits.messageBytes, 1);
  stream.write(head);
  stream.write(NEARLY_ALL);
}

const NEARLY_ALL = Buffer.alloc(limits.messageBytes - 1);
