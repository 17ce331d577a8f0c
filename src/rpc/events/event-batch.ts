/** One batch of events of a call: its payloads, where they go, and what the log and the metrics learn of it. */
import { Code } from "@connectrpc/connect";
import type { EventInput } from "../../../gen/tally/v1/event_pb.js";
import { EventMode } from "../../../gen/tally/v1/event_pb.js";
import type { RetryOptions } from "../../db/retry.js";
import { callError, invalidArgument, notFound, type Violation } from "../../errors.js";
import { ClientTooFast } from "../../events/client-rates.js";
import type { IngestedEvent } from "../../events/event-answer.js";
import { ProjectGone } from "../../events/event-job.js";
import type { Fault } from "../../events/faults.js";
import { type EventTarget, ingestEvents } from "../../events/ingest-events.js";
import type { IncomingEvent } from "../../events/judged-event.js";
import { fromDbError } from "../database-error.js";
import type { CallContext } from "../handler.js";
import { tokenOf } from "../ingest/ingest-deps.js";
import type { ProjectRef } from "../resolve-project.js";
import type { EventIngestDeps } from "./event-deps.js";
import { beforeCommit, failAt } from "./simulated-faults.js";

/** The events of one call and how they are treated. */
export interface EventCall {
  readonly project: ProjectRef;
  readonly queued: boolean;
  readonly fault: Fault;
  readonly context: CallContext;
}

/** Events of a call, one after the other. */
export interface EventBatchRequest {
  readonly events: readonly IncomingEvent[];
  /** Position of the first one in its stream. */
  readonly firstIndex: number;
}

/** An event as it came; without a payload it is empty, which no event may be. */
export function incomingEvent({ payload, idempotencyKey }: EventInput): IncomingEvent {
  return { payload: payload.value ?? new Uint8Array(), idempotencyKey };
}

/** Whether the events of this mode are queued. Throws INVALID_ARGUMENT for an unknown mode. */
export function isQueued(mode: EventMode, field: string): boolean {
  if (EventMode[mode] === undefined) throw invalidArgument([unknownMode(mode, field)]);
  return mode === EventMode.QUEUE;
}

function unknownMode(mode: number, field: string): Violation {
  return { field, description: `${mode} is no mode` };
}

/** About how many bytes a batch holds in memory until it is committed. */
export function sizeOfEvents(events: readonly EventInput[]): number {
  let bytes = 0;
  for (const { payload } of events) {
    bytes += EVENT_BYTES + (payload.case === "json" ? payload.value.length : STRUCT_BYTES);
  }
  return bytes;
}

const EVENT_BYTES = 500;
/** A guess: to measure a Struct costs as much as to judge it. */
const STRUCT_BYTES = 2_000;

/** Stores a batch, and reports it. Failures are those of a call. */
export async function ingestBatchOfEvents(
  deps: EventIngestDeps,
  { project, queued, fault, context }: EventCall,
  { events, firstIndex }: EventBatchRequest,
  retry: RetryOptions,
): Promise<IngestedEvent[]> {
  const startedAt = deps.now();
  try {
    await beforeCommit(fault);
    const target: EventTarget = {
      projectKey: project.projectKey,
      tokenId: tokenOf(context),
      policy: await deps.policies.of(project),
      queued,
      failingAttempts: fault.failingAttempts,
      rates: deps.rates,
    };
    const ingested = await ingestEvents(deps, target, events, firstIndex, retry);
    failAt("after-commit", fault);
    report(deps, project, ingested, queued, startedAt, context);
    failAt("before-ack", fault);
    return ingested;
  } catch (error) {
    throw toEventCallError(error, project, context.deadlineAt);
  }
}

/** What goes wrong below the handlers of events, as callers see it. */
export function toEventCallError(
  error: unknown,
  { projectId }: ProjectRef,
  deadlineAt: number,
): unknown {
  if (error instanceof ProjectGone) return notFound("project", projectId);
  if (error instanceof ClientTooFast) {
    return callError(Code.ResourceExhausted, error.message, {
      reason: "RATE_LIMITED",
      metadata: { client: error.client },
      retryAfterMs: error.retryAfterMs,
    });
  }
  return fromDbError(error, deadlineAt);
}

/** Ids that one line of the log names at most. */
const LOGGED_IDS = 10;

function report(
  { metrics, now }: EventIngestDeps,
  { projectId }: ProjectRef,
  ingested: readonly IngestedEvent[],
  queued: boolean,
  startedAt: number,
  { log }: CallContext,
): void {
  const counts: Partial<Record<IngestedEvent["outcome"], number>> = {};
  for (const { outcome } of ingested) counts[outcome] = (counts[outcome] ?? 0) + 1;
  const mode = queued ? "queue" : "wait";
  for (const [outcome, count] of Object.entries(counts)) {
    metrics.events.inc({ outcome, mode }, count);
  }
  const line = { project_id: projectId, mode, ...counts, duration_ms: now() - startedAt };
  log.info({ event: "events_ingested", ...line });
  const refused = ingested.filter(({ rejectionId }) => rejectionId !== "");
  if (refused.length === 0) return;
  const ids = refused.slice(0, LOGGED_IDS).map(({ rejectionId }) => rejectionId);
  log.warn({ event: "item_rejected", ...line, rejection_ids: ids });
}
