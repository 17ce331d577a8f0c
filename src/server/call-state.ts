/** What a server knows of a call under way, and what all its calls share. */
import type { ConnectError } from "@connectrpc/connect";
import type { Authenticator } from "../auth/authenticator.js";
import type { Principal } from "../auth/principal.js";
import type { ByteBudget, Claim } from "../byte-budget.js";
import type { Logger } from "../log.js";
import type { Metrics } from "../metrics.js";
import type { RateLimiter } from "../rate.js";
import type { Protocol } from "../rpc/handler.js";
import type { ClientAddress } from "./address.js";
import type { Pace } from "./pace.js";
import type { Target } from "./target.js";
import type { Timeouts } from "./timeouts.js";
import type { Placed, UnderWay } from "./under-way.js";

/** The parts that change are written by the functions of this file and by the bindings' byte counts. */
export interface Call extends Placed {
  readonly room: Room;
  readonly target: Target;
  readonly protocol: Protocol;
  readonly requestId: string;
  readonly address: string;
  readonly fault: string;
  readonly startedAt: number;
  principal: Principal | null;
  deadlineAt: number;
  requestBytes: number;
  responseBytes: number;
  /** The room of its message that is being received or handled. */
  received: Claim | undefined;
  /** What the handler waits for before a message of its stream is decoded. */
  admitMessage: ((bytes: number) => Promise<void>) | undefined;
  /** Why the server or the client ended the call before its handler did. */
  endedBy: ConnectError | undefined;
  settled: boolean;
  /** The answer, and each running handler. */
  holds: number;
  controller: AbortController | undefined;
  timer: NodeJS.Timeout | undefined;
  /** Makes the stream of requests throw; absent where there is none. */
  interrupt: ((error: ConnectError) => void) | undefined;
  /** Makes the binding's current wait for the handler fail. */
  reject: ((error: ConnectError) => void) | undefined;
  readonly releases: (() => void)[];
}

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

/** What the calls of one server share. */
export interface Room extends RoomOptions {
  readonly calls: UnderWay<Call>;
  /** Open streams by token id. */
  readonly streams: Map<string, number>;
  readonly rates: RateLimiter;
  readonly receiving: ByteBudget;
  /** How calls begin that came together on a connection. */
  readonly pace: Pace;
  /** For lines whose fields are all our own: redaction is four fifths of what a line costs. */
  readonly plainLog: Logger;
  draining: boolean;
  /** Called each time the last call is closed. */
  onIdle: (() => void) | undefined;
  /** Cuts the call when its token ends. */
  watchToken(call: Call): void;
}
