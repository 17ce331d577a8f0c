import { createByteBudget } from "../byte-budget.js";
import { unavailable } from "../errors.js";
import { limits } from "../limits.js";
import { createRateLimiter } from "../rate.js";
import { cutCall, endCall } from "./call.js";
import type { Room, RoomOptions } from "./call-state.js";
import { createPace } from "./pace.js";
import { UnderWay } from "./under-way.js";

/** Calls that begin in one turn of the event loop: some 4 ms of work. Fewer make statements of fewer rows. */
const CALLS_PER_TURN = 16;

/** A room without calls. */
export function createRoom(options: RoomOptions): Room {
  return {
    ...options,
    calls: new UnderWay(),
    streams: new Map(),
    rates: createRateLimiter(options.now),
    receiving: createByteBudget({
      maxBytes: limits.bytesReceiving,
      verb: "receives",
      maxWaitMs: options.timeouts.receiveTimeoutMs,
    }),
    pace: createPace(CALLS_PER_TURN),
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
  for (const call of room.calls.list()) if (call.target.streams) cutCall(call, drainError());
}

/** Ends every call that is still open. */
export function endCalls(room: Room): void {
  for (const call of room.calls.list()) endCall(call, drainError());
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
