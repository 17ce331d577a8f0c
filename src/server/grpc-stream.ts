/**
 * The HTTP/2 stream below a call of grpc-js, which we read ourselves: grpc-js collects a frame without a limit of
 * time or of bytes over all streams, and unpacks what it reads before anybody asks for it. It has no public way
 * to the stream; a version that hides what is read here fails every test of gRPC.
 */
import type { Http2Session, Http2Stream } from "node:http2";
import { Duplex } from "node:stream";
import type { ServerInterceptingCallInterface } from "@grpc/grpc-js";
import { type Body, openBody } from "./body.js";

/** The stream, with nobody else reading it. */
export function takeStream(base: ServerInterceptingCallInterface): Http2Stream {
  const stream: unknown = Reflect.get(base, "stream");
  if (!(stream instanceof Duplex)) throw new Error("this version of grpc-js hides its streams");
  stream.removeAllListeners("data");
  stream.removeAllListeners("end");
  stream.once("close", letGo);
  return stream as Http2Stream;
}

/**
 * A closed stream keeps nothing of its call: the session's Map of streams keeps streams until old objects are collected,
 * see UnderWay.
 */
function letGo(this: Http2Stream): void {
  this.removeAllListeners();
  this.on("error", ignore);
}

function ignore(): void {}

/** What its messages may be packed with; grpc-js takes the header out of the metadata. */
export function encodingOf(base: ServerInterceptingCallInterface): string {
  const encoding: unknown = Reflect.get(base, "incomingEncoding");
  if (typeof encoding !== "string") throw new Error("this version of grpc-js hides the encoding");
  return encoding;
}

/** The stream's data. A client that cancels has a stream that ends, too. */
export function openStreamBody(stream: Http2Stream): Body {
  return openBody(stream, { cut: () => stream.destroyed || stream.rstCode !== 0 });
}

/**
 * Destroys the connection of a call that is answered but not half-closed, if the client has neither closed
 * nor reset the stream by then: such streams would pile up to the connection's limit and hold their memory.
 */
export function releaseConnection(stream: Http2Stream, afterMs: number): void {
  const timer = setTimeout(() => {
    const session: Http2Session | undefined = stream.session;
    if (!stream.destroyed) session?.destroy();
  }, afterMs);
  timer.unref();
  stream.once("close", () => clearTimeout(timer));
}
