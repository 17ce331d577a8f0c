/**
 * One gRPC call, served below grpc-js's streams, at the interface that its interceptors use. There the guard
 * runs on the metadata before a message is read (a unary handler of grpc-js starts after the last one),
 * each message is asked for (its streams read 17 ahead), and the end of an iteration destroys nothing (a
 * `for await` over its streams destroys the call, and the client waits for ever).
 */

import { Duplex } from "node:stream";
import { toBinary } from "@bufbuild/protobuf";
import { Code, type ConnectError } from "@connectrpc/connect";
import type { Metadata, ServerInterceptingCallInterface } from "@grpc/grpc-js";
import { callError } from "../errors.js";
import { abandonCall, openCall, settleCall, startDeadline } from "./call.js";
import type { Call, Room } from "./call-state.js";
import { decodeBinary } from "./decode.js";
import { toCallError } from "./failure.js";
import { grpcStatus, requestIdMetadata } from "./grpc-status.js";
import { admit } from "./guard.js";
import { invokeMany, invokeSingle, orEnd } from "./invoke.js";
import { openRequests } from "./requests.js";
import type { BoundMethod } from "./target.js";

/** Serves the call to its end. */
export function serveGrpcCall(
  room: Room,
  method: BoundMethod,
  base: ServerInterceptingCallInterface,
): void {
  const requestStream =
    method.desc.methodKind === "client_streaming" || method.desc.methodKind === "bidi_streaming";
  let call: Call | undefined;
  let halfClosed = false;
  let message: Uint8Array | undefined;
  let onFrame: ((bytes: Uint8Array | null) => void) | undefined;

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
        if (waiting === undefined) begin(opened);
        else
          orEnd(opened, waiting).then(
            () => begin(opened),
            (error) => fail(opened, error),
          );
      } catch (error) {
        fail(opened, error);
      }
    },
    onReceiveMessage(bytes: Uint8Array) {
      if (call === undefined || call.settled) return;
      if (requestStream) return deliver(bytes);
      if (message !== undefined) return fail(call, secondMessage(method));
      message = bytes;
      base.startRead();
    },
    onReceiveHalfClose() {
      halfClosed = true;
      if (call === undefined || call.settled) return;
      // A Node client that cancels sends this too, and resets the stream later.
      if (requestStream) deliver(null);
      else answer(call).catch((error) => call !== undefined && fail(call, error));
    },
    onCancel() {
      if (call === undefined || call.settled) return;
      deliver(null);
      abandonCall(call);
    },
  });

  function begin(opened: Call): void {
    if (opened.endedBy !== undefined) {
      fail(opened, opened.endedBy);
      return;
    }
    if (!requestStream) {
      opened.reject = (error) => fail(opened, error);
      base.startRead();
      return;
    }
    const requests = openRequests(opened, nextFrame, (bytes) =>
      decodeBinary(method.desc.input, bytes),
    );
    respond(opened, requests).catch((error) => fail(opened, error));
  }

  function nextFrame(): Promise<Uint8Array | null> {
    return new Promise((resolve) => {
      if (halfClosed || call === undefined || call.endedBy !== undefined) return resolve(null);
      onFrame = resolve;
      base.startRead();
    });
  }

  function deliver(bytes: Uint8Array | null): void {
    const waiting = onFrame;
    onFrame = undefined;
    waiting?.(bytes);
  }

  async function answer(opened: Call): Promise<void> {
    if (message === undefined) throw noMessage(method);
    opened.requestBytes = message.length;
    await respond(opened, decodeBinary(method.desc.input, message));
  }

  async function respond(opened: Call, input: unknown): Promise<void> {
    const kind = method.desc.methodKind;
    if (kind === "unary" || kind === "client_streaming") {
      const output = await invokeSingle(opened, method, input);
      const bytes = encode(opened, toBinary(method.desc.output, output));
      if (opened.settled) return;
      base.sendMetadata(requestIdMetadata(opened.requestId));
      base.sendMessage(bytes, () => base.sendStatus(OK));
      return settle(opened, null);
    }
    base.sendMetadata(requestIdMetadata(opened.requestId));
    for await (const output of invokeMany(opened, method, input)) {
      const bytes = encode(opened, toBinary(method.desc.output, output));
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
    if (!halfClosed) releaseConnection(base, room.timeouts.refusedStreamTimeoutMs);
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

/**
 * Destroys the connection of a call that is answered but not half-closed, if the client has neither closed
 * nor reset the stream by then: such streams would pile up to the connection's limit and hold their memory.
 * grpc-js has no public way to the stream; a version that hides it fails the test of this.
 */
function releaseConnection(base: ServerInterceptingCallInterface, afterMs: number): void {
  const stream: unknown = Reflect.get(base, "stream");
  if (!(stream instanceof Duplex)) return;
  const timer = setTimeout(() => {
    const session: unknown = Reflect.get(stream, "session");
    if (!stream.destroyed && session !== undefined && session !== null) {
      (session as { destroy(): void }).destroy();
    }
  }, afterMs);
  timer.unref();
  stream.once("close", () => clearTimeout(timer));
}

function secondMessage(method: BoundMethod): ConnectError {
  return callError(Code.Unimplemented, `${method.method} takes one message`, {
    reason: "SECOND_MESSAGE",
  });
}

function noMessage(method: BoundMethod): ConnectError {
  return callError(Code.Unimplemented, `${method.method} needs a message`, {
    reason: "NO_MESSAGE",
  });
}
