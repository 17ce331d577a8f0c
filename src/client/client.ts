/** The typed client of a Tally server. */
import type { DescService } from "@bufbuild/protobuf";
import {
  type CallOptions,
  type Client,
  Code,
  ConnectError,
  createClient,
} from "@connectrpc/connect";
import { EventService } from "../../gen/tally/v1/event_service_pb.js";
import { IngestService } from "../../gen/tally/v1/ingest_service_pb.js";
import { RejectionService } from "../../gen/tally/v1/rejection_service_pb.js";
import { StatsService } from "../../gen/tally/v1/stats_service_pb.js";
import { TenancyService } from "../../gen/tally/v1/tenancy_service_pb.js";
import { createHttpTransport } from "./connect-transport.js";
import { createGrpcTransport, type GrpcTransportOptions } from "./grpc-transport.js";
import { withRetries } from "./retries.js";
import { type ClosableTransport, UNARY_TIMEOUT_MS } from "./transport.js";

/** How the client speaks: gRPC over HTTP/2, or Connect over HTTP/1.1 where HTTP/2 cannot pass. */
export type TallyProtocol = "grpc" | "connect";

export interface TallyClientOptions extends GrpcTransportOptions {
  /** Default `grpc`. Over `connect` there is no PublishResults, and the url may have a path. */
  readonly protocol?: TallyProtocol;
  /**
   * How often a unary call is tried again that the server refuses for now and says when to come again; default 3.
   * The deadline holds for all tries together. Streams are never tried again: uploads and sessions resume.
   */
  readonly maxRetries?: number;
}

export interface TallyClient {
  readonly tenancy: Client<typeof TenancyService>;
  readonly ingest: Client<typeof IngestService>;
  readonly events: Client<typeof EventService>;
  readonly rejections: Client<typeof RejectionService>;
  readonly stats: Client<typeof StatsService>;
  readonly protocol: TallyProtocol;
  /** Where the calls go: scheme, host and port of the server. */
  readonly origin: string;
  /** The public part of the token, which names it; undefined for texts of another form. */
  readonly tokenId: string | undefined;
  /**
   * Closes the connection: no further call can be made. One that is being made is given up, so that it does not hold
   * the process; over gRPC not one to a proxy.
   */
  close(): void;
}

/**
 * A client over one connection, made at the first call. Calls fail with a ConnectError; `readError`
 * reads all that its details say. A unary call without a deadline of its own has 30 s.
 */
export function createTallyClient(options: TallyClientOptions): TallyClient {
  const { protocol = "grpc", defaultTimeoutMs = UNARY_TIMEOUT_MS, maxRetries = 3 } = options;
  const direct = untilClosed(openTransport(protocol, options));
  const transport = withRetries(direct, { maxRetries, defaultTimeoutMs, random: Math.random });
  const clientOf = <S extends DescService>(service: S) =>
    cancelOnBreak(service, createClient(service, transport));
  return {
    tenancy: clientOf(TenancyService),
    ingest: clientOf(IngestService),
    events: clientOf(EventService),
    rejections: clientOf(RejectionService),
    stats: clientOf(StatsService),
    protocol,
    origin: new URL(options.url).origin,
    tokenId: /^tly_[a-z]+_([^_]+)_/.exec(options.token ?? "")?.[1],
    close: () => direct.close(),
  };
}

function openTransport(protocol: TallyProtocol, options: TallyClientOptions): ClosableTransport {
  switch (protocol) {
    case "grpc":
      return createGrpcTransport(options);
    case "connect":
      return createHttpTransport(options);
    default: {
      // What is written in JavaScript, or comes from a setting, is checked by nobody before.
      const message = `${JSON.stringify(protocol satisfies never)} is no protocol: expected grpc or connect`;
      throw new ConnectError(message, Code.InvalidArgument);
    }
  }
}

/** Refuses calls once it is closed, by a code that no session or spool takes for an answer of the server. */
function untilClosed(transport: ClosableTransport): ClosableTransport {
  let isClosed = false;
  function check() {
    if (isClosed) throw new ConnectError("the client is closed", Code.Internal);
  }
  return {
    async unary(...args) {
      check();
      return await transport.unary(...args);
    },
    async stream(...args) {
      check();
      return await transport.stream(...args);
    },
    close() {
      isClosed = true;
      transport.close();
    },
  };
}

/**
 * Connect's answers of streams have no `return`: leaving a `for await` early would leave the call open. Here it
 * cancels the call.
 */
function cancelOnBreak<S extends DescService>(service: S, client: Client<S>): Client<S> {
  const methods: Record<string, unknown> = { ...client };
  for (const { methodKind, localName } of service.methods) {
    if (methodKind !== "bidi_streaming" && methodKind !== "server_streaming") continue;
    const start = methods[localName] as StreamingMethod;
    methods[localName] = (input: unknown, options: CallOptions = {}) => {
      const controller = new AbortController();
      const signals = [
        controller.signal,
        ...(options.signal === undefined ? [] : [options.signal]),
      ];
      const messages = start(input, { ...options, signal: AbortSignal.any(signals) });
      return cancellable(messages, controller);
    };
  }
  return methods as Client<S>;
}

type StreamingMethod = (input: unknown, options: CallOptions) => AsyncIterable<unknown>;

async function* cancellable<T>(
  messages: AsyncIterable<T>,
  controller: AbortController,
): AsyncGenerator<T> {
  try {
    yield* messages;
  } finally {
    controller.abort();
  }
}
