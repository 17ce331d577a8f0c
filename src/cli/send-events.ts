/** Sends events in batches, each sent again until it is acknowledged. */
import { setTimeout as sleep } from "node:timers/promises";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { EventMode } from "../../gen/tally/v1/event_pb.js";
import type {
  IngestEventsRequestSchema,
  IngestEventsResponse,
} from "../../gen/tally/v1/event_service_pb.js";
import type { TallyClient } from "../client/client.js";
import { retryAfterMs } from "../client/errors.js";
import { createPatience, type Patience } from "../client/patience.js";
import { limits } from "../limits.js";
import { createEventSummary, type EventSummary } from "./event-summary.js";

/** An event as its file has it. */
export interface EventToSend {
  readonly line: number;
  readonly bytes: Uint8Array;
}

/** What holds for all of them. */
export interface EventTarget {
  readonly projectId: string;
  readonly mode: EventMode;
  /** Of the only event; empty otherwise. */
  readonly idempotencyKey: string;
}

export interface SendOptions {
  /** Told after each acknowledgement how many events were sent and how many of them are acknowledged. */
  readonly onProgress: (progress: { sentCount: number; acknowledgedCount: number }) => void;
  /** Once it is aborted nothing is sent again. */
  readonly signal: AbortSignal;
  /** How long an answer that is due is waited for, in milliseconds. */
  readonly patienceMs: number;
}

/**
 * What became of the events. Memory is bounded by the batches under way, at most 4 of about 1 MiB. A batch that the
 * network or the server cut off is sent again up to 4 times: what of it was stored is then a duplicate. Throws the
 * error of the first batch that failed for good, after those under way have ended, and UNAVAILABLE after `patienceMs`
 * without an answer.
 */
export async function sendEvents(
  client: Pick<TallyClient, "events">,
  target: EventTarget,
  events: AsyncIterable<EventToSend>,
  { onProgress, signal, patienceMs }: SendOptions,
): Promise<EventSummary> {
  let waiting = 0;
  using patience = createPatience(patienceMs, undefined, () => waiting > 0);
  const summary = createEventSummary();
  let sentCount = 0;
  let acknowledgedCount = 0;
  const send = async (batch: readonly EventToSend[]) => {
    waiting++;
    const answer = await sendUntilAcknowledged(client, target, batch, { signal, patience }).finally(
      () => waiting--,
    );
    patience.heard();
    summary.add(answer, batch);
    acknowledgedCount += batch.length;
    onProgress({ sentCount, acknowledgedCount });
  };
  const underWay: Promise<void>[] = [];
  try {
    for await (const batch of toBatches(events)) {
      sentCount += batch.length;
      const sending = send(batch);
      // Its failure is met below.
      sending.catch(() => {});
      underWay.push(sending);
      if (underWay.length >= MAX_UNDER_WAY) await underWay.shift();
    }
    await Promise.all(underWay);
    return summary.read();
  } finally {
    await Promise.allSettled(underWay);
  }
}

/** Batches go as soon as they are full; a larger single event has its own. */
async function* toBatches(events: AsyncIterable<EventToSend>): AsyncGenerator<EventToSend[]> {
  let batch: EventToSend[] = [];
  let bytes = 0;
  for await (const event of events) {
    const size = event.bytes.length + EVENT_BYTES;
    if (batch.length > 0 && bytes + size > BATCH_BYTES) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(event);
    bytes += size;
    if (batch.length < MAX_BATCH_EVENTS && bytes < BATCH_BYTES) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
}

async function sendUntilAcknowledged(
  client: Pick<TallyClient, "events">,
  target: EventTarget,
  batch: readonly EventToSend[],
  { signal, patience }: { readonly signal: AbortSignal; readonly patience: Patience },
): Promise<IngestEventsResponse> {
  const lost = patience.signal === undefined ? [] : [patience.signal];
  const ended = AbortSignal.any([signal, ...lost]);
  for (let attempt = 1; ; attempt++) {
    try {
      const options = { timeoutMs: limits.unaryTimeoutMs, signal: AbortSignal.any(lost) };
      const answer = await client.events.ingestEvents(frames(target, batch), options);
      if (answer.complete) return answer;
      throw new ConnectError("the server did not take the whole batch", Code.Unavailable);
    } catch (error) {
      if (patience.error !== undefined) throw patience.error;
      patience.cut(error);
      const hintMs = retryAfterMs(error);
      const isCut = hintMs !== undefined || CUT_CODES.has(ConnectError.from(error).code);
      if (!isCut || attempt === MAX_ATTEMPTS || signal.aborted) throw error;
      const backoffMs = FIRST_WAIT_MS * 2 ** (attempt - 1) * (0.5 + Math.random());
      const waitMs = Math.min(MAX_WAIT_MS, Math.max(backoffMs, hintMs ?? 0));
      // Cut short by the signal, the next attempt is the last.
      await sleep(waitMs, undefined, { signal: ended }).catch(() => {});
    }
  }
}

async function* frames(
  { projectId, mode, idempotencyKey }: EventTarget,
  batch: readonly EventToSend[],
): AsyncGenerator<MessageInitShape<typeof IngestEventsRequestSchema>> {
  yield { frame: { case: "open", value: { projectId, mode } } };
  const events = batch.map(({ bytes }) => ({
    payload: { case: "json" as const, value: bytes },
    idempotencyKey,
  }));
  yield { frame: { case: "batch", value: { events } } };
  const expectedEventCount = BigInt(batch.length);
  yield { frame: { case: "finish", value: { expectedEventCount } } };
}

const MAX_UNDER_WAY = 4;
const MAX_BATCH_EVENTS = 1_000;
const BATCH_BYTES = 1024 * 1024;
/** What an event costs besides its bytes. */
const EVENT_BYTES = 16;
/** A server that stops at once resets its streams, which reads as a cancellation by the other side. */
const CUT_CODES: ReadonlySet<Code> = new Set([Code.Unavailable, Code.Canceled]);
const MAX_ATTEMPTS = 5;
const FIRST_WAIT_MS = 200;
const MAX_WAIT_MS = 30_000;
