/**
 * The raw door for events: `POST /v1/events` takes a body as it is, for tools that cannot build an envelope. A thin
 * adapter over the handlers of EventService.
 */
import { isUtf8 } from "node:buffer";
import type { IncomingHttpHeaders } from "node:http";
import { create, type JsonObject, toJson } from "@bufbuild/protobuf";
import { EventMode, EventOutcome, IngestedEventSchema } from "../../../gen/tally/v1/event_pb.js";
import {
  IngestEventRequestSchema,
  IngestEventsRequestSchema,
  type IngestEventsResponse,
  IngestEventsResponseSchema,
} from "../../../gen/tally/v1/event_service_pb.js";
import { invalidArgument, type Violation } from "../../errors.js";
import { limits } from "../../limits.js";
import { quote } from "../../text.js";
import type { EventIngestDeps } from "../events/event-deps.js";
import { ingestHeldEvent } from "../events/ingest-event.js";
import { ingestEvents } from "../events/ingest-events.js";
import type { CallContext } from "../handler.js";
import { readLines, readWhole, tooLarge } from "./read-body.js";

/** What the door reads of a request. */
export interface EventDoorRequest {
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: AsyncIterable<Uint8Array>;
  readonly makeRoom: (bytes: number) => Promise<void>;
}

/** Lines and bytes that make one batch. */
const EVENTS_PER_BATCH = 1_000;
const BYTES_PER_BATCH = 256 * 1024;
/** Of the next batch, a stream may have so much in memory before it has room for all of it. */
const FREE_BYTES = 64 * 1024;
/** What it takes at most while its lines are no longer than an event may be, and if one is. */
const BATCH_ROOM = BYTES_PER_BATCH + limits.eventPayloadBytes;
const LARGE_BATCH_ROOM = BYTES_PER_BATCH + limits.messageBytes;
const LINE_TYPES = new Set(["application/x-ndjson", "application/ndjson", "application/jsonl"]);

/**
 * One event, the body; with the type `application/x-ndjson` one event a line. `?mode=queue` queues; the header
 * `idempotency-key` names a single event. 201: something was processed; 202: queued; 200: all of it was stored
 * before; 409: a key is stored with other content; 400: refused. The answer is an IngestedEvent, of lines an
 * IngestEventsResponse.
 */
export function eventDoor(deps: EventIngestDeps) {
  const one = singleEvent(deps);
  const many = eventLines(deps);
  return {
    method: "POST",
    path: "/v1/events",
    access: "ingest",
    handle(request: EventDoorRequest, context: CallContext) {
      const [type = ""] = (request.headers["content-type"] ?? "").split(";");
      const isLines = LINE_TYPES.has(type.trim().toLowerCase());
      return (isLines ? many : one)(request, context);
    },
  } as const;
}

const STATUSES: Readonly<Partial<Record<EventOutcome, number>>> = {
  [EventOutcome.PROCESSED]: 201,
  [EventOutcome.QUEUED]: 202,
  [EventOutcome.DUPLICATE]: 200,
  [EventOutcome.CONFLICT]: 409,
};

/** The body has its room from before it is read until it is committed: who sends slowly holds up its project alone. */
function singleEvent(deps: EventIngestDeps) {
  const { budget, resolveProject, now } = deps;
  const ingest = ingestHeldEvent(deps);
  return async ({ query, headers, body }: EventDoorRequest, context: CallContext) => {
    const target = readQuery(query);
    const { projectId } = await resolveProject(target.projectId, context);
    const announced = Number(headers["content-length"] ?? limits.messageBytes);
    if (announced > limits.messageBytes) throw tooLarge("the body");
    const room = budget.claim(projectId, announced);
    await room.granted;
    try {
      const value = await readWhole(body, context, now);
      room.shrink(value.length);
      const request = create(IngestEventRequestSchema, {
        event: { payload: { case: "json", value }, idempotencyKey: keyOf(headers) },
        ...target,
      });
      const { event } = await ingest(request, context);
      const message = create(IngestedEventSchema, event);
      return {
        status: STATUSES[message.outcome] ?? 500,
        body: toJson(IngestedEventSchema, message, { alwaysEmitImplicit: true }) as JsonObject,
      };
    } finally {
      room.shrink(0);
    }
  };
}

function eventLines(deps: EventIngestDeps) {
  const ingest = ingestEvents(deps);
  return async (request: EventDoorRequest, context: CallContext) => {
    const target = readQuery(request.query);
    if (keyOf(request.headers) !== "") {
      const description = "names one event; a body of lines has many";
      throw invalidArgument([{ field: "idempotency-key", description }]);
    }
    const response = create(
      IngestEventsResponseSchema,
      await ingest(frames(target, request, context), context),
    );
    const json = toJson(IngestEventsResponseSchema, response, { alwaysEmitImplicit: true });
    return { status: statusOf(response), body: json as JsonObject };
  };
}

function statusOf(response: IngestEventsResponse): number {
  if (response.conflictCount > 0n) return 409;
  if (response.processedCount > 0n) return 201;
  if (response.queuedCount > 0n) return 202;
  return response.rejectedCount > 0n && response.duplicateCount === 0n ? 400 : 200;
}

interface Target {
  readonly projectId: string;
  readonly mode: EventMode;
}

/** The frames of a stream, made while the lines come in, and there is room for them. */
async function* frames(target: Target, { body, makeRoom }: EventDoorRequest, context: CallContext) {
  yield create(IngestEventsRequestSchema, { frame: { case: "open", value: target } });
  let events: { payload: { case: "json"; value: Uint8Array } }[] = [];
  let bytes = 0;
  let room = FREE_BYTES;
  const beforeReading = async (lineBytes: number) => {
    const held = bytes + lineBytes;
    if (held <= room) return;
    room = held <= BATCH_ROOM ? BATCH_ROOM : LARGE_BATCH_ROOM;
    await makeRoom(room);
  };
  const batch = () =>
    create(IngestEventsRequestSchema, { frame: { case: "batch", value: { events } } });
  for await (const line of readLines(body, context, beforeReading)) {
    events.push({ payload: { case: "json", value: line } });
    bytes += line.length;
    if (events.length < EVENTS_PER_BATCH && bytes < BYTES_PER_BATCH) continue;
    yield batch();
    events = [];
    bytes = 0;
    room = FREE_BYTES;
  }
  if (events.length > 0) yield batch();
  yield create(IngestEventsRequestSchema, { frame: { case: "finish", value: {} } });
}

function readQuery(query: URLSearchParams): Target {
  const violations: Violation[] = [];
  for (const name of new Set(query.keys())) {
    if (name === "mode" || name === "project_id") continue;
    violations.push({ field: name, description: "is no parameter: mode and project_id are" });
  }
  const mode = query.get("mode") ?? "wait";
  if (mode !== "wait" && mode !== "queue") {
    violations.push({ field: "mode", description: `${quote(mode)} is not wait or queue` });
  }
  if (violations.length > 0) throw invalidArgument(violations);
  return {
    projectId: query.get("project_id") ?? "",
    mode: mode === "queue" ? EventMode.QUEUE : EventMode.WAIT,
  };
}

/**
 * Node gives each byte of a header as a character. curl sends UTF-8, fetch one byte for each character that has one;
 * text of those is hardly ever UTF-8 too.
 */
function keyOf(headers: IncomingHttpHeaders): string {
  const key = headers["idempotency-key"];
  const sent = (Array.isArray(key) ? key[0] : key) ?? "";
  const bytes = Buffer.from(sent, "latin1");
  return isUtf8(bytes) ? bytes.toString() : sent;
}
