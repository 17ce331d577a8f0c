/** A transport that speaks the Connect protocol over HTTP/1.1, for networks that HTTP/2 cannot pass. */
import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { limits } from "../limits.js";
import { errorReason } from "./errors.js";
import { createAgent, proxyFor } from "./http-proxy.js";
import { parseServerUrl } from "./server-url.js";
import {
  authorizationOf,
  type ClosableTransport,
  MAX_RECEIVE_BYTES,
  type TransportOptions,
  UNARY_TIMEOUT_MS,
} from "./transport.js";

/**
 * A transport to one server, with connections that are kept open between calls, through the proxy that the
 * environment names for gRPC. A path of the url is kept.
 */
export function createHttpTransport(
  options: TransportOptions,
  env: NodeJS.ProcessEnv = process.env,
): ClosableTransport {
  const url = parseServerUrl(options.url, true);
  const authorization = authorizationOf(options);
  const { ca, defaultTimeoutMs = UNARY_TIMEOUT_MS } = options;
  const agent = createAgent(url, proxyFor(url, env), ca);
  const interceptors: Interceptor[] = [...(options.interceptors ?? [])];
  // The innermost, so that the others see the errors that gRPC has.
  interceptors.push((next) => async (request) => {
    if (authorization !== undefined) request.header.set("authorization", authorization);
    try {
      const response = await next(request);
      return response.stream
        ? { ...response, message: withNetworkErrors(response.message) }
        : response;
    } catch (error) {
      throw toNetworkError(error);
    }
  });
  const transport = createConnectTransport({
    baseUrl: url.href.replace(/\/$/, ""),
    httpVersion: "1.1",
    nodeOptions: { agent },
    interceptors,
    readMaxBytes: MAX_RECEIVE_BYTES,
    writeMaxBytes: limits.messageBytes,
  });
  return {
    unary: (method, signal, timeoutMs = defaultTimeoutMs, ...rest) =>
      transport.unary(method, signal, timeoutMs, ...rest),
    stream(method, ...rest) {
      if (method.methodKind === "bidi_streaming") throw needsGrpc(method.name);
      return transport.stream(method, ...rest);
    },
    close: () => agent.destroy(),
  };
}

function needsGrpc(method: string): ConnectError {
  return new ConnectError(
    `${method} sends both ways at once, which Connect over HTTP/1.1 cannot: use the protocol grpc, or uploadResults`,
    Code.Unimplemented,
  );
}

async function* withNetworkErrors<T>(messages: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* messages;
  } catch (error) {
    throw toNetworkError(error);
  }
}

/** What gRPC calls UNAVAILABLE: Connect has other codes for connections that are cut or cannot be secured. */
function toNetworkError(error: unknown): ConnectError {
  const from = ConnectError.from(error);
  if (from.code === Code.Unavailable || errorReason(from) !== undefined) return from;
  return isNetworkFailure(from.cause)
    ? new ConnectError(from.rawMessage, Code.Unavailable, from.metadata, undefined, from.cause)
    : from;
}

/** Whether the system, or TLS, says why: both name their errors by codes, as Node names its own `ERR_…`. */
function isNetworkFailure(cause: unknown): boolean {
  for (let each = cause; each instanceof Error; each = each.cause) {
    if (!("code" in each) || typeof each.code !== "string") continue;
    if (/^ERR_(STREAM|TLS|SSL)_/.test(each.code)) return true;
    if (!/^(ERR_|ABORT_ERR)/.test(each.code)) return true;
  }
  return false;
}
