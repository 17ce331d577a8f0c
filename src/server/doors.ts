/** Serves raw doors over HTTP/1.1. */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { JsonValue } from "@bufbuild/protobuf";
import { Code, type ConnectError } from "@connectrpc/connect";
import { callError } from "../errors.js";
import type { Body } from "./body.js";
import { abandonCall, callContext, cutCall, openCall, releaseCall, settleCall } from "./call.js";
import type { Call, Room } from "./call-state.js";
import type { Door, DoorRequest, DoorResponse } from "./door.js";
import { toCallError } from "./failure.js";
import { admit } from "./guard.js";
import { openHttpBody } from "./http-body.js";
import { headerOf } from "./http-header.js";
import { replyError, replyJson } from "./http-reply.js";
import { orEnd } from "./invoke.js";
import { lateError } from "./requests.js";
import type { Target } from "./target.js";

/** The parameters of a path that leads to the door; undefined if it does not. */
export function matchDoor(door: Door, path: string): Record<string, string> | undefined {
  const pattern = door.path.split("/");
  const segments = path.split("/");
  if (pattern.length !== segments.length) return undefined;
  const params: Record<string, string> = {};
  for (const [i, wanted] of pattern.entries()) {
    const segment = segments[i] ?? "";
    if (wanted.startsWith("{")) {
      const value = decodeSegment(segment);
      if (value === undefined || value === "") return undefined;
      params[wanted.slice(1, -1)] = value;
    } else if (wanted !== segment) {
      return undefined;
    }
  }
  return params;
}

function decodeSegment(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

/** Runs the door for a request whose path has matched. */
export async function serveDoor(
  room: Room,
  door: Door,
  params: Record<string, string>,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const target: Target = {
    service: "http",
    method: `${door.method} ${door.path}`,
    access: door.access,
    streams: true,
  };
  const call = openCall(room, target, {
    protocol: "http",
    remoteAddress: req.socket.remoteAddress,
    header: (name) => headerOf(req, name),
  });
  res.setHeader("x-request-id", call.requestId);
  res.once("close", () => abandonCall(call));
  try {
    const waiting = admit(call, req.headers.authorization);
    if (waiting !== undefined) await orEnd(call, waiting);
    const coding = req.headers["content-encoding"] ?? "identity";
    if (coding.toLowerCase() !== "identity") {
      const error = packedBody(coding);
      call.responseBytes = replyError(req, res, error, 415);
      return settleCall(call, error);
    }
    const query = new URL(req.url ?? "/", "http://localhost").searchParams;
    const body = doorBody(call, openHttpBody(req, res));
    const { headers } = req;
    const makeRoom = async (bytes: number) => call.admitMessage?.(bytes);
    const answer = await handle(call, door, { params, query, headers, body, makeRoom });
    call.responseBytes = replyJson(
      req,
      res,
      answer.status,
      answer.body as JsonValue,
      answer.headers,
    );
    settleCall(call, null);
  } catch (thrown) {
    const error = toCallError(call, thrown);
    call.responseBytes = replyError(req, res, error);
    settleCall(call, error);
  }
}

function packedBody(coding: string): ConnectError {
  const name = JSON.stringify(coding.slice(0, 50));
  return callError(
    Code.Unimplemented,
    `content-encoding ${name} is not supported: send the body as it is`,
    { reason: "COMPRESSION_NOT_SUPPORTED" },
  );
}

function handle(call: Call, door: Door, request: DoorRequest): Promise<DoorResponse> {
  call.holds += 1;
  const answer = door.handle(request, callContext(call));
  const release = () => releaseCall(call);
  answer.then(release, release);
  return orEnd(call, answer);
}

/** The body's chunks; the first one and each later one have their time. */
function doorBody(call: Call, body: Body): AsyncIterable<Uint8Array> {
  const { firstFrameTimeoutMs, frameTimeoutMs } = call.room.timeouts;
  let fail: ((error: unknown) => void) | undefined;
  let ended: unknown;
  call.interrupt = (error) => {
    ended ??= error;
    fail?.(error);
  };
  let waitMs = firstFrameTimeoutMs;
  const next = () =>
    new Promise<IteratorResult<Uint8Array>>((resolve, reject) => {
      if (ended !== undefined) return reject(ended);
      const timer = setTimeout(() => cutCall(call, lateError("the body stopped coming")), waitMs);
      waitMs = frameTimeoutMs;
      fail = (error) => {
        clearTimeout(timer);
        reject(error);
      };
      body.next().then((chunk) => {
        clearTimeout(timer);
        if (chunk === null) return resolve({ done: true, value: undefined });
        call.requestBytes += chunk.length;
        resolve({ done: false, value: chunk });
      }, fail);
    });
  return { [Symbol.asyncIterator]: () => ({ next }) };
}
