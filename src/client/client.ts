/** The typed client of a Tally server. */
import type { DescService } from "@bufbuild/protobuf";
import { type CallOptions, type Client, createClient } from "@connectrpc/connect";
import { EventService } from "../../gen/tally/v1/event_service_pb.js";
import { IngestService } from "../../gen/tally/v1/ingest_service_pb.js";
import { RejectionService } from "../../gen/tally/v1/rejection_service_pb.js";
import { StatsService } from "../../gen/tally/v1/stats_service_pb.js";
import { TenancyService } from "../../gen/tally/v1/tenancy_service_pb.js";
import { createGrpcTransport, type GrpcTransportOptions } from "./grpc-transport.js";

export type TallyClientOptions = GrpcTransportOptions;

export interface TallyClient {
  readonly tenancy: Client<typeof TenancyService>;
  readonly ingest: Client<typeof IngestService>;
  readonly events: Client<typeof EventService>;
  readonly rejections: Client<typeof RejectionService>;
  readonly stats: Client<typeof StatsService>;
  /** Closes the connection: no further call can be made. */
  close(): void;
}

/**
 * A client over one connection, made at the first call. Calls fail with a ConnectError; `fieldViolations`,
 * `errorReason` and `retryAfterMs` read its details. A unary call without a deadline of its own has 30 s.
 */
export function createTallyClient(options: TallyClientOptions): TallyClient {
  const transport = createGrpcTransport(options);
  const clientOf = <S extends DescService>(service: S) =>
    cancelOnBreak(service, createClient(service, transport));
  return {
    tenancy: clientOf(TenancyService),
    ingest: clientOf(IngestService),
    events: clientOf(EventService),
    rejections: clientOf(RejectionService),
    stats: clientOf(StatsService),
    close: () => transport.close(),
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
