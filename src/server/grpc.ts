/** The gRPC binding: methods on grpc-js, fed with connections by whoever listens. */

import type { ServerInterceptingCallInterface, ServiceDefinition } from "@grpc/grpc-js";
import { Server, ServerCredentials, ServerInterceptingCall } from "@grpc/grpc-js";
import { limits } from "../limits.js";
import type { Room } from "./call-state.js";
import { serveGrpcCall } from "./grpc-call.js";
import type { BoundMethod } from "./target.js";

/** A grpc-js server with the methods, on which health and reflection can be added. */
export function createGrpcServer(room: Room, methods: readonly BoundMethod[]): Server {
  const byPath = new Map(methods.map((method) => [method.path, method]));
  const server = new Server({
    // Of health and reflection, which need no token: messages of our own methods are read by our own code.
    "grpc.max_receive_message_length": limits.publicMessageBytes,
    "grpc.max_send_message_length": -1,
    "grpc.max_concurrent_streams": limits.streamsPerConnection,
    "grpc.keepalive_time_ms": room.timeouts.keepaliveTimeMs,
    "grpc.keepalive_timeout_ms": room.timeouts.keepaliveTimeoutMs,
    "grpc.enable_channelz": 0,
    interceptors: [
      (definition, base) => {
        const method = byPath.get(definition.path);
        return method === undefined
          ? new ServerInterceptingCall(base)
          : new OwnCall(room, method, base);
      },
    ],
  });
  for (const own of byService(methods).values()) server.addService(definitionOf(own), {});
  return server;
}

/**
 * A call of our own methods. A class, because a `start` that is set on each call is kept, with all that hangs on the
 * call, until old objects are collected: 2 KB a call (Node 20).
 */
class OwnCall extends ServerInterceptingCall {
  readonly #room: Room;
  readonly #method: BoundMethod;
  readonly #base: ServerInterceptingCallInterface;

  constructor(room: Room, method: BoundMethod, base: ServerInterceptingCallInterface) {
    super(base);
    this.#room = room;
    this.#method = method;
    this.#base = base;
  }

  override start(): void {
    serveGrpcCall(this.#room, this.#method, this.#base);
  }
}

/** The end of grpc-js that takes connections which something else accepted. */
export function createInjector(server: Server) {
  return server.createConnectionInjector(ServerCredentials.createInsecure());
}

function byService(methods: readonly BoundMethod[]): Map<string, BoundMethod[]> {
  const services = new Map<string, BoundMethod[]>();
  for (const method of methods) {
    const own = services.get(method.service);
    if (own === undefined) services.set(method.service, [method]);
    else own.push(method);
  }
  return services;
}

/** Messages pass as bytes: they are decoded by our own code, which says what is wrong with them. */
function definitionOf(methods: readonly BoundMethod[]): ServiceDefinition {
  return Object.fromEntries(
    methods.map(({ method, path, desc }) => [
      method,
      {
        path,
        requestStream:
          desc.methodKind === "client_streaming" || desc.methodKind === "bidi_streaming",
        responseStream:
          desc.methodKind === "server_streaming" || desc.methodKind === "bidi_streaming",
        requestSerialize: identity,
        requestDeserialize: identity,
        responseSerialize: identity,
        responseDeserialize: identity,
      },
    ]),
  );
}

const identity = (bytes: Buffer): Buffer => bytes;
