/** A Connect or gRPC-Web request: what the router sees of it, and its messages. */

import type { IncomingMessage } from "node:http";
import type { Message } from "@bufbuild/protobuf";
import { invalidArgument } from "../errors.js";
import type { Body } from "./body.js";
import type { Call } from "./call-state.js";
import { decodeBinary, decodeFrame, decodeJson } from "./decode.js";
import { type Compression, type FrameOptions, openFrames, readWhole } from "./messages.js";
import { openRequests, readSingle } from "./requests.js";
import type { BoundMethod } from "./target.js";

/** How the messages of a request are written. */
export interface Encoding {
  readonly json: boolean;
  readonly compression: Compression;
  readonly enveloped: boolean;
  /** The parameters of a GET. */
  readonly query: URLSearchParams | undefined;
  /** What the router gets in place of the message. */
  readonly empty: Uint8Array;
}

/** The request for the router, without the headers that we act on ourselves (deadlines, length, gzip). */
export function connectRequest(req: IncomingMessage) {
  const header = new Headers();
  for (const [key, value] of Object.entries(req.headers)) {
    if (typeof value === "string") header.set(key, value);
  }
  const type = header.get("content-type") ?? "";
  const url = new URL(req.url ?? "/", "http://localhost");
  const query = req.method === "GET" ? url.searchParams : undefined;
  const enveloped = /^application\/(connect\+|grpc-web)/i.test(type);
  const json = query === undefined ? /json/i.test(type) : query.get("encoding") === "json";
  const compression = encodingsOf(req).includes("gzip") ? "gzip" : undefined;
  for (const name of OWN_HEADERS) header.delete(name);
  const placeholder = json ? "{}" : "";
  const message = Buffer.from(placeholder);
  const envelope = Buffer.alloc(ENVELOPE_BYTES);
  envelope.writeUInt32BE(message.length, 1);
  const empty = enveloped ? Buffer.concat([envelope, message]) : message;
  const encoding: Encoding = { json, compression, enveloped, query, empty };
  return {
    encoding,
    universal: {
      httpVersion: "1.1",
      method: req.method ?? "",
      url: query === undefined ? url.href : emptyGet(url, placeholder),
      header,
    },
  };
}

const ENVELOPE_BYTES = 5;

/** How messages may be compressed. */
const ENCODING_HEADERS = ["content-encoding", "connect-content-encoding", "grpc-encoding"] as const;
/** The headers that the guard and the readers of the body act on. */
const OWN_HEADERS = [...ENCODING_HEADERS, "connect-timeout-ms", "grpc-timeout", "content-length"];

/** The compressions that the request names. */
export function encodingsOf(req: IncomingMessage): string[] {
  const named = ENCODING_HEADERS.map((name) => req.headers[name]);
  if (req.method === "GET") {
    named.push(new URL(req.url ?? "/", "http://localhost").searchParams.get("compression") ?? "");
  }
  return named.filter((name) => typeof name === "string" && name !== "") as string[];
}

function emptyGet(url: URL, placeholder: string): string {
  const copy = new URL(url);
  copy.searchParams.set("message", placeholder);
  copy.searchParams.delete("base64");
  copy.searchParams.delete("compression");
  return copy.href;
}

/** The one message of a unary or server-streaming request. */
export async function readRequest(
  call: Call,
  method: BoundMethod,
  req: IncomingMessage,
  body: Body,
  encoding: Encoding,
): Promise<Message> {
  const decode = encoding.json ? decodeJson : decodeBinary;
  const { input } = method.desc;
  if (encoding.query !== undefined) return decode(input, await fromQuery(call, encoding));
  if (!encoding.enveloped) {
    const length = req.headers["content-length"];
    const announced = length === undefined ? undefined : Number(length);
    const bytes = await readWhole(call, body, encoding.compression, announced);
    if (body.cut() && req.destroyed) throw invalidArgument([CUT]);
    return decode(input, bytes);
  }
  const next = openFrames(call, body, framesOf(call, encoding));
  return decode(input, await readSingle(call, next));
}

const CUT = { field: "body", description: "is cut" };

function fromQuery(call: Call, { query, compression }: Encoding): Promise<Buffer> {
  const text = query?.get("message") ?? "";
  const bytes = Buffer.from(text, query?.get("base64") === "1" ? "base64url" : "utf8");
  let given = false;
  const body: Body = {
    cut: () => false,
    stop() {},
    next() {
      const chunk = given ? null : bytes;
      given = true;
      return Promise.resolve(chunk);
    },
  };
  return readWhole(call, body, compression, bytes.length);
}

function framesOf(call: Call, { compression }: Encoding): FrameOptions {
  return { compression, silenceTimeoutMs: call.room.timeouts.http1SilenceTimeoutMs };
}

/** The messages of a client stream. */
export function requestStream(
  call: Call,
  method: BoundMethod,
  body: Body,
  encoding: Encoding,
): AsyncIterable<Message> {
  const decode = encoding.json ? decodeJson : decodeFrame;
  return openRequests(call, openFrames(call, body, framesOf(call, encoding)), (bytes) =>
    decode(method.desc.input, bytes),
  );
}
