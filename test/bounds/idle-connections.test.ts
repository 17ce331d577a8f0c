import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { expect, test } from "vitest";
import { startHonestCaller } from "./honest-caller.js";
import { type ServerProcess, startServerProcess } from "./server-process.js";
import { FRAME, frame, PREFACE } from "./wire.js";

/** Together more would find the queue of the listener full, and wait for the system to try again. */
const AT_ONCE = 1_000;

test("10,000 idle connections hurt nobody, and what they took is used again", async () => {
  const most = Math.min(10_000, openFiles() - 1_000);
  await using server = await startServerProcess();
  await using honest = startHonestCaller(server.client(await server.newToken()));
  await using memory = await server.watchMemory();
  await openAndClose(server, most);
  const first = memory.grownBytes();
  for (let i = 0; i < 5; i += 1) await openAndClose(server, 0.3 * most);
  // The allocator keeps what is freed, so that the process does not shrink; a leak would make it 2.5 times as much.
  expect(memory.grownBytes()).toBeLessThan(1.8 * first);
  await honest.expectServed();
}, 120_000);

/** Has that many connections open at the same time. */
async function openAndClose(server: ServerProcess, connections: number): Promise<void> {
  const sockets: Socket[] = [];
  for (let left = connections; left > 0; left -= AT_ONCE) {
    sockets.push(...(await openAll(server, Math.min(left, AT_ONCE))));
  }
  expect(await openFilesOf(server)).toBeGreaterThan(0.9 * connections);
  for (const socket of sockets) socket.destroy();
  await expect.poll(() => openFilesOf(server)).toBeLessThan(100);
}

/** Connections that say nothing, that speak HTTP/2 and open no stream, and that HTTP/1.1 keeps alive. */
async function openAll(address: ServerProcess, count: number): Promise<Socket[]> {
  const sockets = Array.from({ length: count }, (_, i) => {
    const { says, hears } = KINDS[i % KINDS.length] ?? SILENT;
    const socket = connect(address);
    socket.write(says);
    return { socket, ready: once(socket, hears) };
  });
  await Promise.all(sockets.map(({ ready }) => ready));
  return sockets.map(({ socket }) => socket.on("error", () => {}));
}

const SILENT = { says: Buffer.alloc(0), hears: "connect" };
const KINDS = [
  SILENT,
  { says: Buffer.concat([PREFACE, frame(FRAME.settings, 0, 0)]), hears: "data" },
  { says: Buffer.from("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"), hears: "data" },
];

/** How many files this process may have open; the server inherits it. */
function openFiles(): number {
  const limit = execFileSync("sh", ["-c", "ulimit -n"]).toString().trim();
  return limit === "unlimited" ? Number.POSITIVE_INFINITY : Number(limit);
}

/** Files that the server has open, which its sockets are; not known everywhere. */
async function openFilesOf(server: ServerProcess): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  return Number(/^process_open_fds (\S+)$/m.exec(text)?.[1]);
}
