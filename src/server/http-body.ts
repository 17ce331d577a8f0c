/** Reads HTTP/1.1 request bodies: as they come, whole, or frame by frame, each within its bound. */

import type { IncomingMessage, ServerResponse } from "node:http";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { invalidArgument } from "../errors.js";
import { limits } from "../limits.js";
import { cutCall } from "./call.js";
import type { Call } from "./call-state.js";
import { tooLarge } from "./guard.js";
import { lateError } from "./requests.js";

/** A body that is read only when asked for; null at its end, and when the client is gone. */
export interface Body {
  next(): Promise<Buffer | null>;
  /** Whether the client is gone with the body unfinished. */
  cut(): boolean;
}

/**
 * Opens the body. Nothing is attached to the request before the first read, so that a refused call reads
 * nothing and a client that waits for `100 Continue` is not told to send.
 */
export function openBody(req: IncomingMessage, res: ServerResponse): Body {
  const chunks: Buffer[] = [];
  let waiting: ((chunk: Buffer | null) => void) | undefined;
  let opened = false;
  let ended = false;
  const give = (chunk: Buffer | null) => {
    const resolve = waiting;
    waiting = undefined;
    resolve?.(chunk);
  };
  const end = () => {
    ended = true;
    if (chunks.length === 0) give(null);
  };
  const open = () => {
    opened = true;
    if (req.headers.expect?.toLowerCase() === "100-continue") res.writeContinue();
    req.on("data", (chunk: Buffer) => {
      if (waiting === undefined) chunks.push(chunk);
      else give(chunk);
      if (waiting === undefined && !res.writableEnded) req.pause();
    });
    req.once("end", end);
    req.once("error", end);
    req.once("close", end);
  };
  return {
    cut: () => !req.complete,
    next() {
      if (!opened) open();
      const chunk = chunks.shift();
      if (chunk !== undefined) return Promise.resolve(chunk);
      if (ended || req.destroyed) return Promise.resolve(null);
      return new Promise((resolve) => {
        waiting = resolve;
        req.resume();
      });
    },
  };
}

/** The whole body, decompressed. */
export async function readWhole(call: Call, body: Body, gzip: boolean): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let total = 0;
  for (let chunk = await body.next(); chunk !== null; chunk = await body.next()) {
    total += chunk.length;
    call.requestBytes = total;
    if (total > limits.messageBytes) throw tooLarge();
    chunks.push(chunk);
  }
  const bytes = chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
  return gzip ? unzip(bytes) : bytes;
}

/** Answers each message of an enveloped body (Connect streams, gRPC-Web), decompressed. */
export function openFrames(call: Call, body: Body, gzip: boolean): () => Promise<Buffer | null> {
  const { frameTimeoutMs, http1SilenceTimeoutMs } = call.room.timeouts;
  let chunks: Buffer[] = [];
  let have = 0;
  let timer: NodeJS.Timeout | undefined;
  call.releases.push(() => clearTimeout(timer));
  const watch = (ms: number, message: string) => {
    clearTimeout(timer);
    timer = setTimeout(() => cutCall(call, lateError(message)), ms);
  };
  /** Whether that many bytes are there before the body ends. */
  const fill = async (bytes: number): Promise<boolean> => {
    while (have < bytes) {
      const chunk = await body.next();
      if (chunk === null) return false;
      if (have === 0) watch(frameTimeoutMs, "a frame did not arrive in time");
      chunks.push(chunk);
      have += chunk.length;
    }
    return true;
  };
  const take = (bytes: number): Buffer => {
    const all = chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
    have = all.length - bytes;
    chunks = have > 0 ? [all.subarray(bytes)] : [];
    return all.subarray(0, bytes);
  };
  return async () => {
    if (have === 0) watch(http1SilenceTimeoutMs, "nothing was sent for too long");
    else watch(frameTimeoutMs, "a frame did not arrive in time");
    try {
      if (!(await fill(ENVELOPE_BYTES))) return endOfFrames(body, have);
      const head = take(ENVELOPE_BYTES);
      const flags = head.readUInt8(0);
      const size = head.readUInt32BE(1);
      if (size > limits.messageBytes) throw tooLarge();
      if (flags > 1 || (flags === 1 && !gzip)) {
        throw invalidArgument([{ field: "body", description: `has a frame with flags ${flags}` }]);
      }
      if (have === 0 && size > 0) watch(frameTimeoutMs, "a frame did not arrive in time");
      if (!(await fill(size))) return endOfFrames(body, ENVELOPE_BYTES + have);
      const data = take(size);
      return flags === 1 ? await unzip(data) : data;
    } finally {
      clearTimeout(timer);
    }
  };
}

const ENVELOPE_BYTES = 5;

function endOfFrames(body: Body, left: number): null {
  if (left > 0 && !body.cut()) {
    throw invalidArgument([{ field: "body", description: "ends in the middle of a frame" }]);
  }
  return null;
}

const gunzipAsync = promisify(gunzip);

async function unzip(bytes: Buffer): Promise<Buffer> {
  if (bytes.length === 0) return bytes;
  try {
    return await gunzipAsync(bytes, { maxOutputLength: limits.messageBytes });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") throw tooLarge();
    throw invalidArgument([{ field: "body", description: "is not valid gzip" }]);
  }
}
