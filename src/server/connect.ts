/**
 * The Connect binding: Connect, its JSON form and gRPC-Web on HTTP/1.1, by connect-node's router. Messages
 * are read and decoded by our own code, as for gRPC, so that limits, times and errors are the same; the
 * router gets an empty message in their place and writes the protocols' answers. Its own adapter is not
 * used: it reports to the console and throws at a request without a Host.
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Message } from "@bufbuild/protobuf";
import type { ConnectError, HandlerContext } from "@connectrpc/connect";
import { createConnectRouter, createContextKey, createContextValues } from "@connectrpc/connect";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import { compressionGzip } from "@connectrpc/connect-node";
import { invalidArgument } from "../errors.js";
import { limits } from "../limits.js";
import type { Protocol } from "../rpc/handler.js";
import { abandonCall, openCall, settleCall, startDeadline } from "./call.js";
import type { Call, Room } from "./call-state.js";
import { replyToMisfit, writeAnswer } from "./connect-reply.js";
import { connectRequest, encodingsOf, readRequest, requestStream } from "./connect-request.js";
import { toCallError } from "./failure.js";
import { admit, messageLimit, tooLarge, unknownCompression } from "./guard.js";
import { openHttpBody } from "./http-body.js";
import { headerOf } from "./http-header.js";
import { type Init, invokeMany, invokeSingle, orEnd } from "./invoke.js";
import type { BoundMethod } from "./target.js";

/** Serves a request of a method's path. */
export type ConnectListener = (req: IncomingMessage, res: ServerResponse) => void;

/** What the router's functions need of the call they belong to. */
interface Exchange {
  readonly call: Call;
  message: Message | undefined;
  requests: AsyncIterable<Message> | undefined;
  /** The error with which the call ends. */
  error: ConnectError | undefined;
}

const exchangeKey = createContextKey<Exchange | undefined>(undefined);

/** A listener for each method's path. */
export function createConnectListeners(
  room: Room,
  methods: readonly BoundMethod[],
): Map<string, ConnectListener> {
  const router = createConnectRouter({
    grpc: false,
    acceptCompression: [compressionGzip],
    readMaxBytes: limits.messageBytes,
    jsonOptions: { ignoreUnknownFields: false, alwaysEmitImplicit: true },
  });
  for (const method of methods) router.rpc(method.desc, implementation(method) as never);
  const listeners = new Map<string, ConnectListener>();
  router.handlers.forEach((handler, index) => {
    const method = methods[index];
    if (method === undefined) return;
    listeners.set(method.path, (req, res) => {
      serve(room, method, handler, req, res).catch((error) => {
        // Only the transport fails here: calls answer their own errors.
        room.log.warn({ event: "transport_failed", method: method.method, err: error });
        res.destroy();
      });
    });
  });
  return listeners;
}

async function serve(
  room: Room,
  method: BoundMethod,
  handler: UniversalHandler,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const call = openCall(room, method, {
    protocol: protocolOf(req),
    remoteAddress: req.socket.remoteAddress,
    header: (name) => headerOf(req, name),
  });
  res.setHeader("x-request-id", call.requestId);
  res.once("close", () => abandonCall(call));
  const exchange: Exchange = { call, message: undefined, requests: undefined, error: undefined };
  try {
    await guard(call, req);
  } catch (error) {
    exchange.error = toCallError(call, error);
  }
  if (replyToMisfit(call, method, exchange.error, req, res)) return;
  const { universal, encoding } = connectRequest(req);
  const body = openHttpBody(req, res);
  call.releases.push(body.stop);
  const values = createContextValues().set(exchangeKey, exchange);
  const read = async () => {
    if (exchange.error !== undefined) return;
    try {
      if (method.desc.methodKind === "client_streaming") {
        exchange.requests = requestStream(call, method, body, encoding);
      } else {
        exchange.message = await orEnd(call, readRequest(call, method, req, body, encoding));
      }
    } catch (error) {
      exchange.error = toCallError(call, error);
    }
  };
  // The router does not read the body of a GET.
  if (encoding.query !== undefined) await read();
  const placeholder = async function* () {
    await read();
    if (exchange.error !== undefined) throw exchange.error;
    if (exchange.message !== undefined) yield encoding.empty;
  };
  const signal = new AbortController().signal;
  try {
    const answer = await handler({
      body: placeholder(),
      signal,
      contextValues: values,
      ...universal,
    });
    await writeAnswer(call, answer, req, res);
  } catch (error) {
    // Nothing of a call may stay behind whose answer cannot be written.
    settleCall(call, exchange.error ?? toCallError(call, error));
    throw error;
  }
  settleCall(call, exchange.error ?? call.endedBy ?? null);
}

/** Everything that is checked before the body. */
async function guard(call: Call, req: IncomingMessage): Promise<void> {
  startDeadline(call, timeoutOf(req));
  const waiting = admit(call, req.headers.authorization);
  if (waiting !== undefined) await orEnd(call, waiting);
  const unknown = encodingsOf(req).find((name) => name !== "gzip" && name !== "identity");
  if (unknown !== undefined) {
    throw unknownCompression(unknown);
  }
  const announced = Number(req.headers["content-length"] ?? 0);
  const maxBytes = messageLimit(call);
  if (!call.target.streams && announced > maxBytes) throw tooLarge(maxBytes);
}

/** What the router calls: it passes an empty message, the real one is in the exchange. */
function implementation(method: BoundMethod) {
  const exchangeOf = (context: HandlerContext): Exchange => {
    const exchange = context.values.get(exchangeKey);
    if (exchange === undefined) throw new Error("a call came past the listener");
    if (exchange.error !== undefined) throw exchange.error;
    return exchange;
  };
  switch (method.desc.methodKind) {
    case "unary":
      return (_: unknown, context: HandlerContext) => {
        const exchange = exchangeOf(context);
        return remember(exchange, invokeSingle(exchange.call, method, exchange.message));
      };
    case "client_streaming":
      return async (nothing: AsyncIterable<unknown>, context: HandlerContext) => {
        // Reading the empty stream raises what the guard and the router found.
        for await (const _ of nothing);
        const exchange = exchangeOf(context);
        return remember(exchange, invokeSingle(exchange.call, method, exchange.requests));
      };
    default:
      return async function* (_: unknown, context: HandlerContext) {
        const exchange = exchangeOf(context);
        try {
          yield* invokeMany(exchange.call, method, exchange.message);
        } catch (error) {
          exchange.error = toCallError(exchange.call, error);
          throw exchange.error;
        }
      };
  }
}

async function remember(exchange: Exchange, answer: Promise<Init>): Promise<Init> {
  try {
    return await answer;
  } catch (error) {
    exchange.error = toCallError(exchange.call, error);
    throw exchange.error;
  }
}

function protocolOf(req: IncomingMessage): Protocol {
  return req.headers["content-type"]?.startsWith("application/grpc-web") ? "grpc-web" : "connect";
}

const GRPC_TIMEOUT = /^(\d{1,8})([HMSmun])$/;
const UNIT_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

/** The caller's deadline of either protocol, in milliseconds from now; Infinity if it names none. */
function timeoutOf(req: IncomingMessage): number {
  const connect = headerOf(req, "connect-timeout-ms");
  const grpc = headerOf(req, "grpc-timeout");
  if (connect !== undefined && /^\d{1,10}$/.test(connect)) return Number(connect);
  const [, amount, unit = ""] = GRPC_TIMEOUT.exec(grpc ?? "") ?? [];
  if (amount !== undefined) return Number(amount) * (UNIT_MS[unit] ?? 1);
  if (connect === undefined && grpc === undefined) return Number.POSITIVE_INFINITY;
  const field = connect === undefined ? "grpc-timeout" : "connect-timeout-ms";
  throw invalidArgument([{ field, description: "is not a valid timeout" }]);
}
