import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { limits } from "../../src/limits.js";
import { startHonestCaller } from "./honest-caller.js";
import { type ServerProcess, startServerProcess } from "./server-process.js";

const SENDERS = 100;
const BODY = Buffer.alloc(limits.messageBytes - 1, "x");
/** In pieces of one byte, as HTTP/1.1 may have it. */
const DROPS = Buffer.from("1\r\nx\r\n".repeat(512 * 1024));
const MANY_DROPS = 10;

test(`${SENDERS} lines of 4 MiB that do not end cost what a few of them do`, async () => {
  await using server = await startServerProcess();
  const attacker = await server.newToken();
  const client = server.client(await server.newToken());
  await using honest = startHonestCaller(client);
  await using memory = await server.watchMemory();
  const head = headOf(attacker, "application/x-ndjson", `content-length: ${BODY.length + 1}`);
  const senders = Array.from({ length: SENDERS }, () => send(server, head, BODY));
  await sleep(3_000);
  await honest.expectServed();
  expect(memory.grownBytes()).toBeLessThan((SENDERS * BODY.length) / 2);
  for (const { end } of senders) end();
});

test("bytes of a body that come one by one cost little more than themselves", async () => {
  await using server = await startServerProcess();
  const token = await server.newToken();
  await using memory = await server.watchMemory();
  const head = headOf(token, "application/json", "transfer-encoding: chunked");
  const senders = Array.from({ length: MANY_DROPS }, () => send(server, head, DROPS));
  await sleep(5_000);
  expect(memory.grownBytes()).toBeLessThan(150 * 1024 * 1024);
  for (const { end } of senders) end();
});

const headOf = (token: string, type: string, length: string) =>
  `POST /v1/events HTTP/1.1\r\nhost: tally\r\nauthorization: Bearer ${token}\r\n` +
  `content-type: ${type}\r\n${length}\r\nconnection: close\r\n\r\n`;

function send({ host, port }: ServerProcess, head: string, body: Uint8Array) {
  const socket = connect({ host, port });
  socket.on("error", () => {});
  socket.write(head);
  socket.write(body);
  return { end: () => socket.destroy() };
}
