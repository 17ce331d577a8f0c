/** The graceful stop. */

import type { Server as HttpServer } from "node:http";
import type { Server, Socket } from "node:net";
import type { ConnectionInjector } from "@grpc/grpc-js";
import type { Room } from "./call-state.js";
import type { Readiness } from "./readiness.js";
import { endCalls, roomEmpty, stopAdmission } from "./room.js";

/** What has to be stopped. */
export interface Draining {
  readonly room: Room;
  readonly readiness: Readiness;
  readonly listeners: readonly Server[];
  readonly http: HttpServer;
  readonly injector: ConnectionInjector;
  readonly sockets: ReadonlySet<Socket>;
}

/** How long answers that are written may take to leave, after the last call. */
const FLUSH_MS = 1000;
const IDLE_POLL_MS = 10;

/**
 * Health says NOT_SERVING; the listeners close; streams take no further frame, acknowledge what they read
 * and end; connections close as they become idle. Resolves when our own count of calls is zero and the
 * answers have left, or when the time is over; then every connection is destroyed. grpc-js's `tryShutdown`
 * is of no use here: after it injected connections are still served, and it does not wait for streams.
 */
export async function drainServer(draining: Draining): Promise<void> {
  const { room, readiness, listeners, http, injector, sockets } = draining;
  const { drainTimeoutMs } = room.timeouts;
  readiness.drain();
  for (const listener of listeners) listener.close();
  stopAdmission(room);
  injector.drain(drainTimeoutMs + FLUSH_MS);
  http.closeIdleConnections();
  await roomEmpty(room, drainTimeoutMs);
  endCalls(room);
  // A connection is idle once its answer has left, which nothing announces.
  const closing = setInterval(() => http.closeIdleConnections(), IDLE_POLL_MS);
  await socketsClosed(sockets, Math.min(FLUSH_MS, drainTimeoutMs));
  clearInterval(closing);
  for (const socket of sockets) socket.destroy();
  injector.destroy();
  // Stops the timer that checks connections; it never listened, so there is nothing to wait for.
  http.close();
}

async function socketsClosed(sockets: ReadonlySet<Socket>, timeoutMs: number): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, timeoutMs);
    const check = () => {
      if (sockets.size > 0) return;
      clearTimeout(timer);
      resolve();
    };
    for (const socket of sockets) socket.once("close", () => queueMicrotask(check));
    check();
  });
}
