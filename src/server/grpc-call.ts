/**
 * One gRPC call, served below grpc-js's streams, at the interface that its interceptors use. There the guard
 * runs on the metadata before a message is read (a unary handler of grpc-js starts after the last one),
 * each message is asked for (its streams read 17 ahead), and the end of an iteration destroys nothing (a
 * `for await` over its streams destroys the call, and the client waits for ever). Messages are read as on
 * HTTP/1.1, with the same bounds and errors.
 */

import type { ConnectError } from "@connectrpc/connect";
import type { Metadata, ServerInterceptingCallInterface } from "@grpc/grpc-js";
import { encodeFields } from "../wire/message-writer.js";
import { abandonCall, openCall, settleCall, startDeadline } from "./call.js";
import type { Call, Room } from "./call-state.js";
import { decodeBinary, decodeFrame } from "./decode.js";
import { toCallError } from "./failure.js";
import { grpcStatus, requestIdMetadata } from "./grpc-status.js";
import { encodingOf, openStreamBody, releaseConnection, takeStream } from "./grpc-stream.js";
import { admit, unknownCompression } from "./guard.js";
import { invokeMany, invokeSingle, orEnd } from "./invoke.js";
import { type Compression, openFrames } from "./messages.js";
import { type FrameSource, openRequests, readSingle } from "./requests.js";
import type { BoundMethod } from "./target.js";

/** Serves the call to its end. */
export function serveGrpcCall(
  room: Room,
  method: BoundMethod,
  base: ServerInterceptingCallInterface,
): void {
  const requestStream =
    method.desc.methodKind === "client_streaming" || method.desc.methodKind === "bidi_streaming";
  const stream = takeStream(base);
  let call: Call | undefined;

  base.start({
    onReceiveMetadata(metadata) {
      const opened = openCall(room, method, {
        protocol: "grpc",
        remoteAddress: base.getConnectionInfo().remoteAddress,
        header: (name) => headerOf(metadata, name),
      });
      call = opened;
      startDeadline(opened, Number(base.getDeadline()) - room.now());
      try {
        const waiting = admit(opened, headerOf(metadata, "authorization"));
        if (waiting === undefined) queue(opened);
        else
          orEnd(opened, waiting).then(
            () => queue(opened),
            (error) => fail(opened, error),
          );
      } catch (error) {
        fail(opened, error);
      }
    },
    // The stream is read here, not there.
    onReceiveMessage() {},
    onReceiveHalfClose() {},
    onCancel() {
      if (call !== undefined && !call.settled) abandonCall(call);
    },
  });

  function queue(opened: Call): void {
    const failed = (error: unknown) => fail(opened, error);
    // Until something else waits for the handler.
    opened.reject = failed;
    if (opened.endedBy !== undefined) failed(opened.endedBy);
    else {
      room.pace(stream.session ?? stream, () => {
        if (!opened.settled) serve(opened).catch(failed);
      });
    }
  }

  async function serve(opened: Call): Promise<void> {
    const compression = compressionOf(base);
    const body = openStreamBody(stream);
    opened.releases.push(body.stop);
    // A silent connection is watched by PINGs.
    const silenceTimeoutMs = Number.POSITIVE_INFINITY;
    const next = openFrames(opened, body, { compression, silenceTimeoutMs });
    if (!requestStream) return answer(opened, next);
    const requests = openRequests(opened, next, (bytes) => decodeFrame(method.desc.input, bytes));
    return respond(opened, requests);
  }

  async function answer(opened: Call, next: FrameSource): Promise<void> {
    const message = await readSingle(opened, next);
    await respond(opened, decodeBinary(method.desc.input, message));
  }

  async function respond(opened: Call, input: unknown): Promise<void> {
    const kind = method.desc.methodKind;
    if (kind === "unary" || kind === "client_streaming") {
      const output = await invokeSingle(opened, method, input);
      const bytes = encode(opened, encodeFields(method.desc.output, output));
      if (opened.settled) return;
      base.sendMetadata(requestIdMetadata(opened.requestId));
      base.sendMessage(bytes, () => base.sendStatus(OK));
      return settle(opened, null);
    }
    base.sendMetadata(requestIdMetadata(opened.requestId));
    for await (const output of invokeMany(opened, method, input)) {
      const bytes = encode(opened, encodeFields(method.desc.output, output));
      await orEnd(opened, new Promise<void>((sent) => base.sendMessage(bytes, sent)));
    }
    base.sendStatus(OK);
    settle(opened, null);
  }

  function fail(opened: Call, thrown: unknown): void {
    if (opened.settled) return;
    const error = toCallError(opened, thrown);
    base.sendStatus(grpcStatus(error, opened.requestId));
    settle(opened, error);
  }

  function settle(opened: Call, error: ConnectError | null): void {
    settleCall(opened, error);
    if (!stream.readableEnded) releaseConnection(stream, room.timeouts.refusedStreamTimeoutMs);
  }
}

const OK = { code: 0, details: "OK", metadata: null };

function encode(call: Call, bytes: Uint8Array): Buffer {
  call.responseBytes += bytes.length;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function headerOf(metadata: Metadata, name: string): string | undefined {
  const [value] = metadata.get(name);
  return typeof value === "string" ? value : undefined;
}

/** The compression that the call names, if it is one that we know. */
function compressionOf(base: ServerInterceptingCallInterface): Compression {
  const encoding = encodingOf(base);
  if (encoding === "identity") return undefined;
  if (encoding === "gzip" || encoding === "deflate") return encoding;
  throw unknownCompression(encoding);
}
