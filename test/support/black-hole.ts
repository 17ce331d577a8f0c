/** Addresses of the loopback at which calls wait for ever. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";

export interface BlackHole extends AsyncDisposable {
  readonly port: number;
}

/** Connections are accepted, and nothing is ever answered. */
export async function startSilentHole(): Promise<BlackHole> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on("error", () => {}));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

/** Attempts to connect are not answered: the listener's queue is full, and nothing takes from it. */
export async function startSwallowingHole(): Promise<BlackHole> {
  const listener = new Worker(LISTENER, { eval: true });
  const [port] = (await once(listener, "message")) as [number];
  const queued: Socket[] = [];
  for (let isConnected = true; isConnected; ) {
    const socket = connect(port, "127.0.0.1").on("error", () => {});
    queued.push(socket);
    isConnected = await Promise.race([once(socket, "connect").then(() => true), sleep(300, false)]);
  }
  return {
    port,
    async [Symbol.asyncDispose]() {
      for (const socket of queued) socket.destroy();
      await listener.terminate();
    },
  };
}

/** Listens, and blocks the thread that would accept. */
const LISTENER = `
  const { parentPort } = require("node:worker_threads");
  const server = require("node:net").createServer();
  server.listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
    parentPort.postMessage(server.address().port);
    setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
  });`;
