/**
 * A Connect transport that speaks gRPC by grpc-js. Connect's own HTTP/2 client is several times slower, and
 * can hang or crash when a server goes away.
 */
import {
  create,
  type DescMessage,
  type DescMethod,
  type DescMethodStreaming,
  type DescMethodUnary,
  type MessageShape,
} from "@bufbuild/protobuf";
import {
  type ContextValues,
  createContextValues,
  type StreamRequest,
  type StreamResponse,
  type UnaryResponse,
} from "@connectrpc/connect";
import { createMethodUrl, runStreamingCall, runUnaryCall } from "@connectrpc/connect/protocol";
import {
  type CallOptions,
  type ChannelInterface,
  type ChannelOptions,
  Client,
  credentials,
  Metadata,
} from "@grpc/grpc-js";
import { limits } from "../limits.js";
import { decodeMessage } from "../wire/message-reader.js";
import { watchConnecting } from "./connecting.js";
import { encodeMessage } from "./encode.js";
import { toConnectError } from "./errors.js";
import { toHeaders, toMetadata } from "./metadata.js";
import { parseServerUrl } from "./server-url.js";
import { openStream } from "./streams.js";
import {
  authorizationOf,
  type ClosableTransport,
  MAX_RECEIVE_BYTES,
  type TransportOptions,
  UNARY_TIMEOUT_MS,
} from "./transport.js";
import { callUnary } from "./unary-call.js";

export interface GrpcTransportOptions extends TransportOptions {
  /** For grpc-js, over ours. */
  readonly channelOptions?: ChannelOptions;
}

/**
 * A transport to one server; it connects at the first call and again whenever the connection is lost. The url has
 * no path: gRPC has none. Goes through the proxy that the environment names (`grpc_proxy`, `https_proxy`,
 * `http_proxy`, in small letters), except to hosts that `no_grpc_proxy` or `no_proxy` lists.
 */
export function createGrpcTransport(options: GrpcTransportOptions): ClosableTransport {
  const { target, secure } = targetOf(options.url);
  const authorization = authorizationOf(options);
  const { ca } = options;
  const channelCredentials = secure
    ? credentials.createSsl(ca === undefined ? null : Buffer.from(ca))
    : credentials.createInsecure();
  const connecting = watchConnecting();
  const client = new Client(target, channelCredentials, {
    "grpc.max_receive_message_length": MAX_RECEIVE_BYTES,
    "grpc.max_send_message_length": limits.messageBytes,
    "grpc.keepalive_time_ms": KEEPALIVE_MS,
    "grpc.keepalive_timeout_ms": KEEPALIVE_TIMEOUT_MS,
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 5000,
    // Streams resume in our own code: this buffer would hold 1 MiB a call for retries that never help.
    "grpc.enable_retries": 0,
    ...connecting.channelOptions,
    ...options.channelOptions,
  });
  const channel = client.getChannel();
  const interceptors = [...(options.interceptors ?? [])];
  const defaultTimeoutMs = options.defaultTimeoutMs ?? UNARY_TIMEOUT_MS;
  const ownMetadata = new Metadata();
  if (authorization !== undefined) ownMetadata.set("authorization", authorization);
  const open = <I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O> | DescMethodStreaming<I, O>,
    header: ConstructorParameters<typeof Headers>[0],
    contextValues: ContextValues | undefined,
  ) => {
    const headers = new Headers(header);
    if (authorization !== undefined) headers.set("authorization", authorization);
    return {
      service: method.parent,
      method: method as never,
      requestMethod: "POST",
      url: createMethodUrl(options.url, method),
      header: headers,
      contextValues: contextValues ?? createContextValues(),
    };
  };

  return {
    unary(method, signal, timeoutMs, header, input, contextValues) {
      const wait = timeoutMs ?? defaultTimeoutMs;
      if (interceptors.length === 0) {
        const metadata = ownMetadata.clone();
        if (header !== undefined) toMetadata(new Headers(header), metadata);
        return runUnary(channel, method, create(method.input, input), metadata, wait, signal);
      }
      return runUnaryCall({
        interceptors,
        ...(signal === undefined ? {} : { signal }),
        ...(wait > 0 ? { timeoutMs: wait } : {}),
        req: { stream: false, message: input, ...open(method, header, contextValues) },
        next: (req) =>
          runUnary(channel, method, req.message, toMetadata(req.header), wait, req.signal),
      });
    },
    stream(method, signal, timeoutMs, header, input, contextValues) {
      const wait = timeoutMs ?? 0;
      return runStreamingCall({
        interceptors,
        ...(signal === undefined ? {} : { signal }),
        ...(wait > 0 ? { timeoutMs: wait } : {}),
        req: { stream: true, message: input, ...open(method, header, contextValues) },
        next: (req) => callStream(client, req, wait),
      });
    },
    close() {
      client.close();
      connecting.giveUp();
    },
  };
}

/** Headers and trailers are converted when they are asked for, which is seldom. */
async function runUnary<I extends DescMessage, O extends DescMessage>(
  channel: ChannelInterface,
  method: DescMethodUnary<I, O>,
  message: MessageShape<I>,
  metadata: Metadata,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<UnaryResponse<I, O>> {
  try {
    const answer = await callUnary(channel, {
      path: pathOf(method),
      message: encodeMessage(method.input, message),
      metadata,
      deadlineAt: timeoutMs > 0 ? Date.now() + timeoutMs : Number.POSITIVE_INFINITY,
      signal,
    });
    return {
      stream: false,
      service: method.parent,
      method,
      message: decodeMessage(method.output, answer.message),
      get header() {
        return toHeaders(answer.header);
      },
      get trailer() {
        return toHeaders(answer.trailer);
      },
    };
  } catch (error) {
    throw toConnectError(error);
  }
}

async function callStream<I extends DescMessage, O extends DescMessage>(
  client: Client,
  req: StreamRequest<I, O>,
  timeoutMs: number,
): Promise<StreamResponse<I, O>> {
  const { method, service } = req;
  // All three kinds are a bidirectional stream on the wire.
  const call = client.makeBidiStreamRequest(
    pathOf(method),
    serializer(method.input),
    deserializer(method.output),
    toMetadata(req.header),
    callOptions(timeoutMs),
  );
  cancelOnAbort(call, req.signal);
  const { header, messages, trailer } = openStream(call, req.message);
  return { stream: true, service, method, header: await header, message: messages, trailer };
}

function cancelOnAbort(
  call: { cancel(): void; on(event: "status", f: () => void): unknown },
  signal: AbortSignal,
) {
  const cancel = () => call.cancel();
  if (signal.aborted) return cancel();
  signal.addEventListener("abort", cancel, { once: true });
  call.on("status", () => signal.removeEventListener("abort", cancel));
}

/** The deadline that the server is told; our own timer ends the call even if the server does not answer. */
function callOptions(timeoutMs: number): CallOptions {
  return timeoutMs > 0 ? { deadline: Date.now() + timeoutMs } : {};
}

/** Where to connect: `host:port`, with the default port of the scheme where none is given. */
function targetOf(text: string): { target: string; secure: boolean } {
  const url = parseServerUrl(text, false);
  const secure = url.protocol === "https:";
  return { target: `${url.hostname}:${url.port || (secure ? "443" : "80")}`, secure };
}

function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

function serializer<D extends DescMessage>(desc: D) {
  return (message: MessageShape<D>) => encodeMessage(desc, message);
}

function deserializer<D extends DescMessage>(desc: D) {
  return (bytes: Buffer) => decodeMessage(desc, bytes);
}

const KEEPALIVE_MS = 30_000;
const KEEPALIVE_TIMEOUT_MS = 10_000;
