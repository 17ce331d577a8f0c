/**
 * What a handler is: one function per RPC, the same for every protocol. The server binds it to gRPC and
 * to Connect; a service with an RPC missing does not compile.
 */
import type {
  DescMethod,
  DescMethodBiDiStreaming,
  DescMethodClientStreaming,
  DescMethodServerStreaming,
  DescMethodUnary,
  DescService,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import type { Principal } from "../auth/principal.js";
import type { Logger } from "../log.js";
import type { Access } from "./access.js";

/** The wire protocol of a call, as logs and metrics name it. */
export type Protocol = "grpc" | "grpc-web" | "connect" | "http";

/** What a handler knows of its call besides the messages. */
export interface CallContext {
  readonly requestId: string;
  readonly protocol: Protocol;
  /** Who calls. The guard has checked it against the method's access; null only where access is "public". */
  readonly principal: Principal | null;
  /** Aborted when the caller is gone, its deadline has passed, or its token was revoked. */
  readonly signal: AbortSignal;
  /** Milliseconds since the epoch by which a unary call must have answered; Infinity for streams. */
  readonly deadlineAt: number;
  /** The header `tally-fault`, empty without one: see TALLY_FAULTS. */
  readonly fault: string;
  /** Client address, for audit. */
  readonly address: string;
  /** Carries `request_id`. */
  readonly log: Logger;
  /**
   * Each further message of a stream is decoded, or by a door put together, once `admit` has resolved; it is told how
   * many bytes that takes at most. What was admitted before and is not handed over is given back. An error of it ends
   * the requests.
   */
  beforeDecoding(admit: (bytes: number) => Promise<void>): void;
}

/**
 * The handler of one method. A stream of requests throws the error with which the call must end when the
 * server drains, the token is revoked, a frame is late or does not decode; it ends normally when the client
 * half-closes, and also when the client is gone, so the end proves nothing (P9).
 */
export type Handler<M extends DescMethod> =
  M extends DescMethodUnary<infer I, infer O>
    ? (request: MessageShape<I>, context: CallContext) => Promise<MessageInitShape<O>>
    : M extends DescMethodServerStreaming<infer I, infer O>
      ? (request: MessageShape<I>, context: CallContext) => AsyncIterable<MessageInitShape<O>>
      : M extends DescMethodClientStreaming<infer I, infer O>
        ? (
            requests: AsyncIterable<MessageShape<I>>,
            context: CallContext,
          ) => Promise<MessageInitShape<O>>
        : M extends DescMethodBiDiStreaming<infer I, infer O>
          ? (
              requests: AsyncIterable<MessageShape<I>>,
              context: CallContext,
            ) => AsyncIterable<MessageInitShape<O>>
          : never;

export type ServiceHandlers<S extends DescService> = {
  readonly [K in keyof S["method"]]: Handler<S["method"][K]>;
};

/** A service with its handlers and who may call them. */
export interface Route<S extends DescService = DescService> {
  readonly service: S;
  readonly handlers: ServiceHandlers<S>;
  readonly access: Readonly<Record<keyof S["method"], Access>>;
}

/** The route as one of many services: its handlers are then called with what its descriptors decode alone. */
export function anyRoute<S extends DescService>(route: Route<S>): Route {
  return route as unknown as Route;
}
