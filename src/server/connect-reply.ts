/** Writes the router's answers, and those that it has no words for. */

import type { IncomingMessage, ServerResponse } from "node:http";
import { Code, type ConnectError } from "@connectrpc/connect";
import type { UniversalServerResponse } from "@connectrpc/connect/protocol";
import { callError } from "../errors.js";
import { settleCall } from "./call.js";
import type { Call } from "./call-state.js";
import { finishReply, replyError } from "./http-reply.js";
import type { BoundMethod } from "./target.js";

/**
 * Answers a request that the router would refuse with an empty body: the wrong HTTP method, content type or
 * encoding, and a bidirectional method, which HTTP/1.1 cannot carry. A refusal by the guard comes first.
 */
export function replyToMisfit(
  call: Call,
  method: BoundMethod,
  refusal: ConnectError | undefined,
  req: IncomingMessage,
  res: ServerResponse,
): boolean {
  const misfit = misfitOf(method, req);
  if (misfit === undefined) return false;
  const [status, message] = misfit;
  const error =
    refusal ?? callError(Code.Unimplemented, message, { reason: "PROTOCOL_NOT_SUPPORTED" });
  if (status === 405) res.setHeader("allow", isReadOnly(method) ? "GET, POST" : "POST");
  call.responseBytes = replyError(req, res, error, refusal === undefined ? status : undefined);
  settleCall(call, error);
  return true;
}

function misfitOf(method: BoundMethod, req: IncomingMessage): [number, string] | undefined {
  const kind = method.desc.methodKind;
  if (req.method === "GET" && isReadOnly(method)) {
    if (GET_ENCODINGS.has(encodingOfGet(req) ?? "")) return undefined;
    return [
      415,
      `a GET of ${method.method} carries its message, such as ?encoding=json&message=%7B%7D`,
    ];
  }
  if (req.method !== "POST") return [405, `call ${method.method} by POST`];
  if (kind === "bidi_streaming") {
    return [
      501,
      `${method.method} is bidirectional, which HTTP/1.1 cannot carry: call it by gRPC over HTTP/2, or send each batch by IngestRun`,
    ];
  }
  const type = req.headers["content-type"] ?? "";
  const fits = WEB_TYPE.test(type) || (kind === "unary" ? UNARY_TYPE : STREAM_TYPE).test(type);
  if (fits) return undefined;
  const wanted =
    kind === "unary"
      ? "application/json or application/proto"
      : "application/connect+json or application/connect+proto";
  return [
    415,
    `content-type ${JSON.stringify(type.slice(0, 100))} is not supported: ${method.method} takes ${wanted}, or gRPC-Web`,
  ];
}

const UNARY_TYPE = /^application\/(json(; ?charset=utf-?8)?|proto)$/i;
const STREAM_TYPE = /^application\/connect\+(json(; ?charset=utf-?8)?|proto)$/i;
const WEB_TYPE = /^application\/grpc-web(\+(json|proto))?$/i;

const GET_ENCODINGS = new Set(["json", "proto"]);

function encodingOfGet(req: IncomingMessage): string | null {
  return new URL(req.url ?? "/", "http://localhost").searchParams.get("encoding");
}

/** Connect's GET is for methods without side effects. */
function isReadOnly({ desc }: BoundMethod): boolean {
  return desc.methodKind === "unary" && desc.idempotency === NO_SIDE_EFFECTS;
}

const NO_SIDE_EFFECTS = 1;

/** Sends an answer at the speed of the client. */
export async function writeAnswer(
  call: Call,
  answer: UniversalServerResponse,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  res.statusCode = answer.status;
  answer.header?.forEach((value, key) => {
    res.setHeader(key, value);
  });
  for await (const chunk of answer.body ?? []) {
    if (res.destroyed) break;
    call.responseBytes += chunk.length;
    if (!res.write(chunk)) await writable(res);
  }
  if (!res.destroyed) finishReply(req, res);
}

/** Resolves when more can be written, or nobody reads any more. */
function writable(res: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      res.off("drain", done);
      res.off("close", done);
      resolve();
    };
    res.once("drain", done);
    res.once("close", done);
  });
}
