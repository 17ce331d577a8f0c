/** The guard: what a call must pass on its headers alone, before a message is read. */

import { Code, type ConnectError } from "@connectrpc/connect";
import type { Principal } from "../auth/principal.js";
import { callError } from "../errors.js";
import { limits } from "../limits.js";
import { mayCall } from "../rpc/access.js";
import type { Call } from "./call-state.js";
import { drainError } from "./room.js";

/**
 * The call has its principal, may call its target and fits the rates. Throws, or answers a promise only
 * if the token has to be verified first. Order: drain, token, access, rate, streams.
 */
export function admit(call: Call, authorization: string | undefined): void | Promise<void> {
  const { room, target } = call;
  if (room.draining) throw drainError();
  if (target.access === "public") return;
  const principal = room.authenticator.authenticate(authorization ?? null, call.address);
  return principal instanceof Promise
    ? principal.then((verified) => admitPrincipal(call, verified))
    : admitPrincipal(call, principal);
}

function admitPrincipal(call: Call, principal: Principal): void {
  const { target } = call;
  call.principal = principal;
  if (target.access !== "public" && !mayCall(target.access, principal)) {
    throw callError(
      Code.PermissionDenied,
      `this token may not call ${target.method}: it needs ${needed(target.access)}`,
      { reason: "SCOPE_MISSING", metadata: { needed: target.access } },
    );
  }
  checkRate(call, principal);
  if (target.streams) {
    if (call.settled) return;
    openStream(call, principal);
    call.room.watchToken(call);
  }
}

function needed(access: string): string {
  if (access === "admin") return "the admin token";
  return access === "manage-or-read" ? "scope MANAGE or READ" : `scope ${access.toUpperCase()}`;
}

/**
 * One bucket for each project, which all its tokens share, and one for each admin token. A bucket for each
 * project token of the same rate would never refuse what the project's bucket lets pass.
 */
function checkRate(call: Call, principal: Principal): void {
  const { room } = call;
  const own = principal.kind === "project" ? principal.callsPerSecond : 0;
  const perSecond = own > 0 ? own : room.callsPerSecond;
  if (perSecond <= 0) return;
  const waitMs = room.rates.take(ownerOf(call), perSecond);
  if (waitMs > 0) {
    throw callError(Code.ResourceExhausted, `over ${perSecond} calls a second; try again`, {
      reason: "RATE_LIMITED",
      retryAfterMs: waitMs,
    });
  }
}

/** Who shares what the server has of something: a project, an admin token, or an address without a token. */
export function ownerOf({ principal, address }: Call): string {
  if (principal === null) return `address:${address}`;
  return principal.kind === "project"
    ? `project:${principal.projectId}`
    : `token:${principal.tokenId}`;
}

function openStream(call: Call, { tokenId }: Principal): void {
  const { streams } = call.room;
  const open = streams.get(tokenId) ?? 0;
  if (open >= limits.streamsPerToken) {
    throw callError(
      Code.ResourceExhausted,
      `this token has ${limits.streamsPerToken} streams open on this server`,
      { reason: "TOO_MANY_STREAMS", retryAfterMs: 1000 },
    );
  }
  streams.set(tokenId, open + 1);
  call.releases.push(() => {
    const left = (streams.get(tokenId) ?? 1) - 1;
    if (left > 0) streams.set(tokenId, left);
    else streams.delete(tokenId);
  });
}

/** How large a message of the call may be, packed or not: without a token, so small that nobody is kept out by it. */
export function messageLimit({ target }: Call): number {
  return target.access === "public" ? limits.publicMessageBytes : limits.messageBytes;
}

/** The error of a message over the limit, by its announced or its real size. */
export function tooLarge(maxBytes: number): ConnectError {
  return callError(
    Code.ResourceExhausted,
    `the message is larger than ${maxBytes} bytes, the most that this call takes at once`,
    { reason: "MESSAGE_TOO_LARGE", metadata: { max_bytes: String(maxBytes) } },
  );
}

/** The error of a call whose messages are packed in a way that we do not know. */
export function unknownCompression(name: string): ConnectError {
  const message = `compression ${JSON.stringify(name.slice(0, 50))} is not supported, only gzip is`;
  return callError(Code.Unimplemented, message, { reason: "COMPRESSION_NOT_SUPPORTED" });
}
