/**
 * One call as the server sees it, whatever its protocol: opened when its headers are read, settled when its
 * answer is decided, closed when its handler has returned too.
 */
import { Code, type ConnectError } from "@connectrpc/connect";
import type { Principal } from "../auth/principal.js";
import { callError } from "../errors.js";
import type { Logger } from "../log.js";
import type { CallContext, Protocol } from "../rpc/handler.js";
import type { Call, Room } from "./call-state.js";
import { recordCall } from "./request-log.js";
import type { Target } from "./target.js";

/** What the binding knows when the headers are read. */
export interface CallOrigin {
  readonly protocol: Protocol;
  readonly remoteAddress: string | undefined;
  readonly header: (name: string) => string | undefined;
}

const SANE_REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/;

/** Counts a new call. Every opened call is settled once. */
export function openCall(room: Room, target: Target, origin: CallOrigin): Call {
  const requestId = origin.header("x-request-id");
  const call: Call = {
    room,
    target,
    protocol: origin.protocol,
    requestId:
      requestId !== undefined && SANE_REQUEST_ID.test(requestId) ? requestId : room.newRequestId(),
    address: room.clientAddress(origin.remoteAddress, origin.header("x-forwarded-for")),
    fault: origin.header("tally-fault") ?? "",
    startedAt: room.now(),
    principal: null,
    deadlineAt: Number.POSITIVE_INFINITY,
    requestBytes: 0,
    responseBytes: 0,
    received: undefined,
    admitMessage: undefined,
    endedBy: undefined,
    settled: false,
    holds: 1,
    place: 0,
    controller: undefined,
    timer: undefined,
    interrupt: undefined,
    reject: undefined,
    releases: [],
  };
  room.calls.add(call);
  return call;
}

/**
 * Ends the call at the caller's deadline; a unary call at the server's limit too. A deadline further away is
 * clamped, never refused.
 */
export function startDeadline(call: Call, timeoutMs: number): void {
  const limit = call.target.streams ? Number.POSITIVE_INFINITY : call.room.timeouts.unaryTimeoutMs;
  const ms = Math.min(timeoutMs, limit);
  if (ms > MAX_TIMER_MS) return;
  call.deadlineAt = call.room.now() + ms;
  call.timer = setTimeout(onDeadline, ms, call);
}

/** A longer timer of Node fires at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

function onDeadline(call: Call): void {
  endCall(call, deadlineError());
}

/** The error of a call that ran out of time. */
function deadlineError(): ConnectError {
  return callError(Code.DeadlineExceeded, "deadline exceeded", { reason: "DEADLINE_EXCEEDED" });
}

/**
 * Ends the call with this error for the server's reasons (drain, end of the token, a late frame). A stream
 * of requests throws it, so that the handler commits and acknowledges what it has and ends the call itself;
 * if it does not within the time that a drain has, or there is no such stream, the call ends at once.
 */
export function cutCall(call: Call, error: ConnectError): void {
  if (call.settled || call.endedBy !== undefined) return;
  if (call.interrupt === undefined) {
    endCall(call, error);
    return;
  }
  call.interrupt(error);
  const timer = setTimeout(endCall, call.room.timeouts.drainTimeoutMs, call, error);
  call.releases.push(() => clearTimeout(timer));
}

/** Ends the call with this error now: the context's signal is aborted and the binding stops waiting. */
export function endCall(call: Call, error: ConnectError): void {
  if (call.settled || call.endedBy !== undefined) return;
  call.endedBy = error;
  call.controller?.abort(error);
  call.reject?.(error);
}

/** The client is gone, or its deadline has passed on its side. */
export function abandonCall(call: Call): void {
  endCall(
    call,
    call.room.now() >= call.deadlineAt
      ? deadlineError()
      : callError(Code.Canceled, "the client is gone", { reason: "CLIENT_GONE" }),
  );
}

/** The answer is decided: the call is logged and measured. Null is success. */
export function settleCall(call: Call, error: ConnectError | null): void {
  if (call.settled) return;
  call.settled = true;
  call.reject = undefined;
  clearTimeout(call.timer);
  for (const release of call.releases) release();
  call.received?.stopWaiting();
  recordCall(call, error);
  releaseCall(call);
}

/** Something that keeps the call open has ended. */
export function releaseCall(call: Call): void {
  call.holds -= 1;
  if (call.holds > 0) return;
  call.received?.shrink(0);
  call.room.calls.delete(call);
  if (call.room.calls.size === 0) call.room.onIdle?.();
}

/** What a handler sees. */
export function callContext(call: Call): CallContext {
  return new HandlerContext(call);
}

/** The signal and the logger are made when they are first asked for. A class, because getters of literals are slow. */
class HandlerContext implements CallContext {
  readonly #call: Call;
  readonly requestId: string;
  readonly protocol: Protocol;
  readonly principal: Principal | null;
  readonly fault: string;
  readonly address: string;
  readonly deadlineAt: number;
  #log: Logger | undefined;

  constructor(call: Call) {
    this.#call = call;
    this.requestId = call.requestId;
    this.protocol = call.protocol;
    this.principal = call.principal;
    this.fault = call.fault;
    this.address = call.address;
    this.deadlineAt = call.target.streams ? Number.POSITIVE_INFINITY : call.deadlineAt;
  }

  get signal(): AbortSignal {
    return callSignal(this.#call);
  }

  get log(): Logger {
    this.#log ??= this.#call.room.log.child({ request_id: this.requestId });
    return this.#log;
  }

  beforeDecoding(admit: (bytes: number) => Promise<void>): void {
    this.#call.admitMessage = admit;
  }
}

function callSignal(call: Call): AbortSignal {
  if (call.controller === undefined) {
    call.controller = new AbortController();
    if (call.endedBy !== undefined) call.controller.abort(call.endedBy);
    else if (!call.settled && !call.target.streams) call.room.watchToken(call);
  }
  return call.controller.signal;
}
