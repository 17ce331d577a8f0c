/** Answers of the HTTP/1.1 side. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { JsonValue } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import { codeToHttpStatus, errorToJson } from "@connectrpc/connect/protocol-connect";
import { limits } from "../limits.js";

/** Answers a request. */
export type Page = (req: IncomingMessage, res: ServerResponse) => void;

/** Sends a JSON body; the rest of the request is read away first if it is short. */
export function replyJson(
  req: IncomingMessage,
  res: ServerResponse,
  status: number,
  body: JsonValue,
  headers: Readonly<Record<string, string>> = {},
): number {
  const bytes = Buffer.from(`${JSON.stringify(body)}\n`);
  if (res.headersSent || res.destroyed) return 0;
  res.writeHead(status, {
    "content-type": "application/json",
    "content-length": bytes.length,
    ...headers,
  });
  finishReply(req, res, req.method === "HEAD" ? undefined : bytes);
  return bytes.length;
}

/** Sends an error as Connect's unary protocol does, also where no RPC is called. */
export function replyError(
  req: IncomingMessage,
  res: ServerResponse,
  error: ConnectError,
  status = codeToHttpStatus(error.code),
): number {
  return replyJson(
    req,
    res,
    status,
    errorToJson(error, undefined),
    Object.fromEntries(error.metadata),
  );
}

/** How much of an unwanted body is read so that the client sees the answer and can go on. */
const DRAIN_BYTES = 2 * limits.messageBytes;
const DRAIN_MS = 2000;

/**
 * Ends the response. What is left of the request is thrown away while it is short, so that the connection
 * serves the next call. A body that goes on is read no further, and cut with its connection a little later: cut
 * at once, its sender would see a reset instead of the answer.
 */
export function finishReply(req: IncomingMessage, res: ServerResponse, last?: Buffer): void {
  if (!req.complete && !req.destroyed) {
    let left = DRAIN_BYTES;
    const timer = setTimeout(() => req.destroy(), DRAIN_MS);
    timer.unref();
    req.on("data", (chunk: Buffer) => {
      left -= chunk.length;
      if (left < 0) req.pause();
    });
    const stop = () => clearTimeout(timer);
    req.once("end", stop);
    req.once("close", stop);
    req.resume();
  }
  res.end(last);
}
