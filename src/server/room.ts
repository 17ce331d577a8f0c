/** What all calls of one server share. */
import { Code } from "@connectrpc/connect";
import type { Authenticator } from "../auth/authenticator.js";
import { unavailable } from "../errors.js";
import type { Logger } from "../log.js";
import type { Metrics } from "../metrics.js";
import type { ClientAddress } from "./address.js";
import { type Call, cutCall } from "./call.js";
import { createRateLimiter, type RateLimiter } from "./rate.js";
import type { Timeouts } from "./timeouts.js";

export interface RoomOptions {
  readonly authenticator: Authenticator;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly now: () => number;
  readonly newRequestId: () => string;
  readonly callsPerSecond: number;
  readonly timeouts: Timeouts;
  readonly clientAddress: ClientAddress;
}

export interface Room extends RoomOptions {
  readonly calls: Set<Call>;
  /** Open streams by token id. */
  readonly streams: Map<string, number>;
  readonly rates: RateLimiter;
  /** For lines whose fields are all our own: redaction is four fifths of what a line costs. */
  readonly plainLog: Logger;
  draining: boolean;
  /** Called each time the last call is closed. */
  onIdle: (() => void) | undefined;
  /** Cuts the call when its token ends. */
  watchToken(call: Call): void;
}

/** A room without calls. */
export function createRoom(options: RoomOptions): Room {
  return {
    ...options,
    calls: new Set(),
    streams: new Map(),
    rates: createRateLimiter(options.now),
    plainLog: options.log.child({}, { redact: [] }),
    draining: false,
    onIdle: undefined,
    watchToken(call) {
      if (call.principal === null) return;
      const stop = options.authenticator.onEnd(call.principal, (error) => cutCall(call, error));
      call.releases.push(stop);
    },
  };
}

/** The status of what a stopping server no longer does. */
export function drainError() {
  return unavailable("the server is stopping; try again", { reason: "DRAINING" });
}

/** Cuts every stream, and refuses every call from now on. Unary calls get to finish. */
export function stopAdmission(room: Room): void {
  room.draining = true;
  for (const call of room.calls) if (call.target.streams) cutCall(call, drainError());
}

/** Resolves when no call is open, or after `timeoutMs`. */
export async function roomEmpty(room: Room, timeoutMs: number): Promise<void> {
  if (room.calls.size === 0) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, timeoutMs);
    room.onIdle = () => {
      clearTimeout(timer);
      resolve();
    };
  });
  room.onIdle = undefined;
}

/** Codes that say that the server is at fault: their causes are logged. */
export function isServerFault(code: Code): boolean {
  return code === Code.Internal || code === Code.Unknown || code === Code.DataLoss;
}
