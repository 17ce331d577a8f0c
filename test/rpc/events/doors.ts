/** The three ways to send an event, with one form of answer. */
import { create, fromJson, type JsonValue } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import { BadRequestSchema, ErrorInfoSchema } from "../../../gen/google/rpc/error_details_pb.js";
import {
  EventMode,
  EventOutcome,
  type IngestedEvent,
  IngestedEventSchema,
} from "../../../gen/tally/v1/event_pb.js";
import { IngestEventResponseSchema } from "../../../gen/tally/v1/event_service_pb.js";
import type { TestServer } from "../../support/server.js";

export const DOORS = ["gRPC", "Connect JSON", "the raw door"] as const;
export type DoorName = (typeof DOORS)[number];

export interface SendOptions {
  readonly queue?: boolean;
  readonly idempotencyKey?: string;
  readonly fault?: string;
  readonly projectToken?: string;
}

/** What became of an event: an outcome, or the error with its violations. */
export interface Sent {
  readonly outcome: string;
  readonly eventId: string;
  readonly event: IngestedEvent | null;
  /** Of an error: its code in Connect's spelling. */
  readonly code: string;
  readonly reason: string;
  readonly violations: readonly { readonly field: string; readonly description: string }[];
  readonly rejectionId: string;
  readonly repeatCount: number;
}

/** Sends bytes through a door. */
export function sendThrough(
  door: DoorName,
  server: TestServer,
  json: Uint8Array,
  options: SendOptions = {},
): Promise<Sent> {
  return SENDERS[door](server, json, options);
}

const SENDERS: Record<
  DoorName,
  (server: TestServer, json: Uint8Array, options: SendOptions) => Promise<Sent>
> = {
  async gRPC(server, json, { queue, idempotencyKey = "", fault, projectToken }) {
    const { events } = server.client(projectToken ?? server.allToken);
    const request = {
      event: { payload: { case: "json" as const, value: json }, idempotencyKey },
      mode: queue ? EventMode.QUEUE : EventMode.WAIT,
    };
    try {
      const { event } = await events.ingestEvent(request, { headers: faultHeader(fault) });
      return taken(event);
    } catch (error) {
      if (error instanceof ConnectError) return refused(error);
      throw error;
    }
  },
  async "Connect JSON"(server, json, { queue, idempotencyKey = "", fault, projectToken }) {
    const response = await fetch(`${server.url}/tally.v1.EventService/IngestEvent`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${projectToken ?? server.allToken}`,
        "content-type": "application/json",
        ...faultHeader(fault),
      },
      body: JSON.stringify({
        event: { json: Buffer.from(json).toString("base64"), idempotencyKey },
        mode: queue ? "EVENT_MODE_QUEUE" : "EVENT_MODE_WAIT",
      }),
    });
    const body = (await response.json()) as JsonValue;
    if (!response.ok) return refusedJson(body);
    return taken(fromJson(IngestEventResponseSchema, body).event);
  },
  async "the raw door"(server, json, { queue, idempotencyKey, fault, projectToken }) {
    const response = await fetch(`${server.url}/v1/events${queue ? "?mode=queue" : ""}`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${projectToken ?? server.allToken}`,
        // fetch writes each character as one byte, curl the bytes of its UTF-8.
        ...(idempotencyKey === undefined
          ? {}
          : { "idempotency-key": Buffer.from(idempotencyKey).toString("latin1") }),
        ...faultHeader(fault),
      },
      body: json,
    });
    const body = (await response.json()) as JsonValue;
    if (!response.ok && response.status !== 409) return refusedJson(body);
    const sent = taken(fromJson(IngestedEventSchema, body));
    if (HTTP_STATUSES[sent.outcome] !== response.status) {
      throw new Error(`${sent.outcome} came with ${response.status}`);
    }
    return sent;
  },
};

const HTTP_STATUSES: Readonly<Record<string, number>> = {
  PROCESSED: 201,
  QUEUED: 202,
  DUPLICATE: 200,
  CONFLICT: 409,
};

function faultHeader(fault: string | undefined): Record<string, string> {
  return fault === undefined ? {} : { "tally-fault": fault };
}

const NOTHING = { code: "", reason: "", violations: [], rejectionId: "", repeatCount: 0 };

function taken(event: IngestedEvent | undefined): Sent {
  const { outcome, eventId, fieldViolations, rejectionId } = event ?? create(IngestedEventSchema);
  return {
    ...NOTHING,
    event: event ?? null,
    outcome: EventOutcome[outcome] ?? "",
    eventId,
    violations: fieldViolations,
    rejectionId,
  };
}

function refused(error: ConnectError): Sent {
  const [info] = error.findDetails(ErrorInfoSchema);
  const [request] = error.findDetails(BadRequestSchema);
  return {
    outcome: "",
    event: null,
    eventId: info?.metadata["event_id"] ?? "",
    code: error.message.slice(1, error.message.indexOf("]")),
    reason: info?.reason ?? "",
    violations: (request?.fieldViolations ?? []).map(({ field, description }) => ({
      field,
      description,
    })),
    rejectionId: info?.metadata["rejection_id"] ?? "",
    repeatCount: Number(info?.metadata["repeat_count"] ?? 0),
  };
}

interface ErrorJson {
  readonly code: string;
  readonly details?: readonly { readonly type: string; readonly debug?: ErrorDebug }[];
}
interface ErrorDebug {
  readonly reason?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly fieldViolations?: readonly { field: string; description: string }[];
}

function refusedJson(body: JsonValue): Sent {
  const { code, details = [] } = body as unknown as ErrorJson;
  const debug = (type: string) => details.find((d) => d.type === type)?.debug;
  const info = debug("google.rpc.ErrorInfo");
  return {
    outcome: "",
    event: null,
    eventId: info?.metadata?.["event_id"] ?? "",
    code,
    reason: info?.reason ?? "",
    violations: (debug("google.rpc.BadRequest")?.fieldViolations ?? []).map(
      ({ field, description }) => ({ field, description }),
    ),
    rejectionId: info?.metadata?.["rejection_id"] ?? "",
    repeatCount: Number(info?.metadata?.["repeat_count"] ?? 0),
  };
}
