import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { raw, startLab } from "../server/support.js";
import { type HonestCaller, startHonestCaller } from "./honest-caller.js";
import { type ServerProcess, startServerProcess } from "./server-process.js";
import { FLAG, FRAME, frame, grpcFields, headerBlock, openWire, type Wire } from "./wire.js";

const MIB = 1024 * 1024;
const FIELDS = headerBlock(grpcFields("IngestRun"));

function openStream(i: number): Buffer {
  return frame(FRAME.headers, FLAG.endHeaders, 2 * i + 1, FIELDS);
}

function resetStream(i: number): Buffer {
  return frame(FRAME.reset, 0, 2 * i + 1, Buffer.from([0, 0, 0, 8]));
}

/** Sends many frames at a time until the server ends the connection, or the limit is reached; how many. */
async function flood(wire: Wire, limit: number, make: (i: number) => Buffer): Promise<number> {
  const atOnce = limit / 500;
  let sent = 0;
  for (let open = true; open && sent < limit; sent += atOnce) {
    open = await wire.send(...Array.from({ length: atOnce }, (_, i) => make(sent + i)));
  }
  return sent;
}

describe("an HTTP/2 connection is ended that sends", () => {
  let server: ServerProcess;
  let honest: HonestCaller;
  beforeAll(async () => {
    server = await startServerProcess();
    honest = startHonestCaller(server.client(await server.newToken()));
  });
  afterAll(async () => {
    await honest[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  const attacks: [string, number, (i: number) => Buffer][] = [
    [
      "headers without an end",
      10_000,
      (i) =>
        i === 0
          ? frame(FRAME.headers, 0, 1, FIELDS)
          : frame(FRAME.continuation, 0, 1, headerBlock([["x", "y".repeat(100)]])),
    ],
    [
      "streams that it resets at once",
      50_000,
      (i) => Buffer.concat([openStream(i), resetStream(i)]),
    ],
    ["more streams than it may have", 50_000, openStream],
  ];
  test.each(attacks)("%s", async (_, limit, make) => {
    const callsBefore = count(server.output());
    await using memory = await server.watchMemory();
    using wire = await openWire(server);
    expect(await flood(wire, limit, make)).toBeLessThan(limit);
    // Each stream that was opened as a call costs a look at its token and two log lines.
    expect(count(server.output()) - callsBefore).toBeLessThan(5_000);
    expect(memory.grownBytes()).toBeLessThan(100 * MIB);
  });

  const unread: [string, Buffer][] = [
    ["SETTINGS", frame(FRAME.settings, 0, 0)],
    ["PING", frame(FRAME.ping, 0, 0, Buffer.alloc(8))],
  ];
  test.each(unread)("%s frames whose answers it does not read", async (_, bytes) => {
    await using memory = await server.watchMemory();
    using wire = await openWire(server);
    wire.socket.pause();
    expect(await flood(wire, 1_000_000, () => bytes)).toBeLessThan(1_000_000);
    expect(memory.grownBytes()).toBeLessThan(100 * MIB);
  });

  test("headers that unpack to much more than they are: their streams are", async () => {
    await using memory = await server.watchMemory();
    using wire = await openWire(server);
    // A field of 4,000 bytes enters the table, then one byte stands for it each time.
    const field = headerBlock([["x", "y".repeat(3_900)]]);
    field.writeUInt8(0x40, 0);
    const block = Buffer.concat([FIELDS, field, Buffer.alloc(12_000, 0x80 | 62)]);
    const streams = 50;
    for (let i = 0; i < streams; i += 1) {
      await wire.send(frame(FRAME.headers, FLAG.endHeaders, 2 * i + 1, block));
    }
    await expect.poll(() => wire.resetCount()).toBe(streams);
    expect(memory.grownBytes()).toBeLessThan(100 * MIB);
  });

  test("while honest callers go on", async () => {
    await honest.expectServed();
  });
});

test("a connection that floods is closed with the PING that it cannot answer", async () => {
  await using lab = await startLab({ timeouts: { keepaliveTimeMs: 300, keepaliveTimeoutMs: 300 } });
  using wire = await openWire(lab.server.address);
  await flood(wire, 10_000, (i) => Buffer.concat([openStream(i), resetStream(i)]));
  await wire.closed;
});

test.each([
  ["one large header", `x: ${"y".repeat(20_000)}\r\n`],
  ["many small headers", "x: y\r\n".repeat(20_000)],
])("an HTTP/1.1 head with %s is refused", async (_, headers) => {
  await using lab = await startLab();
  expect(await raw(lab, `GET /healthz HTTP/1.1\r\nhost: x\r\n${headers}\r\n`)).toContain("431");
});

function count(output: string): number {
  return output.split('"event":"auth_failed"').length;
}
