/** IngestEvents: a stream of batches of events, one summary at its end. */
import type { ConnectError } from "@connectrpc/connect";
import type {
  EventService,
  IngestEventsFinish,
  IngestEventsOpen,
  IngestEventsRequest,
} from "../../../gen/tally/v1/event_service_pb.js";
import { invalidArgument } from "../../errors.js";
import type { IngestedEvent } from "../../events/event-answer.js";
import { checkEventCount } from "../check-count.js";
import type { Handler } from "../handler.js";
import { retryOf } from "../ingest/ingest-deps.js";
import { openRoom } from "../ingest/message-room.js";
import { createOrderedQueue, type OrderedQueue } from "../ingest/ordered-queue.js";
import {
  type EventCall,
  incomingEvent,
  ingestBatchOfEvents,
  isQueued,
  sizeOfEvents,
} from "./event-batch.js";
import type { EventIngestDeps } from "./event-deps.js";
import { addEvents, emptyEventSummary } from "./event-summary.js";

/** Batches of one stream under way: enough to fill two lanes while the next are read. */
const BATCHES_UNDER_WAY = 4;

/** The handler of IngestEvents. When the stream is cut, what was read is committed first. */
export function ingestEvents(
  deps: EventIngestDeps,
): Handler<typeof EventService.method.ingestEvents> {
  return async (requests, context) => {
    const summary = emptyEventSummary();
    const iterator = requests[Symbol.asyncIterator]();
    const open = await readOpen(iterator);
    if (open === null) return summary;
    const queued = isQueued(open.mode, "open.mode");
    const project = await deps.resolveProject(open.projectId, context);
    const call = { project, queued, fault: deps.faults.of(context), context };
    const batches = createOrderedQueue<IngestedEvent[]>(BATCHES_UNDER_WAY);
    let finish: IngestEventsFinish | null = null;
    const reading = readBatches(deps, call, iterator, batches).then((frame) => {
      finish = frame;
    });
    // Its failure reaches the loop below through the queue.
    reading.catch(() => {});
    try {
      for await (const events of batches) addEvents(summary, events);
      summary.complete = isComplete(finish, summary.receivedCount);
      return summary;
    } finally {
      batches.stop();
    }
  };
}

function isComplete(finish: IngestEventsFinish | null, received: bigint): boolean {
  if (finish === null) return false;
  return finish.expectedEventCount === undefined || finish.expectedEventCount === received;
}

/** The first frame; null if the stream ends without one. */
async function readOpen(
  iterator: AsyncIterator<IngestEventsRequest>,
): Promise<IngestEventsOpen | null> {
  const { value, done } = await iterator.next();
  if (done === true) return null;
  if (value.frame.case !== "open") throw outOfPlace(value, "the first frame must be open");
  return value.frame.value;
}

/** Hands the batches to the pipeline until the stream ends; its `finish` frame, or null. */
async function readBatches(
  deps: EventIngestDeps,
  call: EventCall,
  iterator: AsyncIterator<IngestEventsRequest>,
  batches: OrderedQueue<IngestedEvent[]>,
): Promise<IngestEventsFinish | null> {
  const room = openRoom(deps, call.project, call.context);
  let firstIndex = 0;
  try {
    while (await batches.room()) {
      const { value, done } = await iterator.next();
      if (done === true) break;
      const { frame } = value;
      if (frame.case === "finish") {
        checkExpected(frame.value);
        batches.end();
        return frame.value;
      }
      if (frame.case !== "batch") throw outOfPlace(value, "after open come batches, then finish");
      const inputs = frame.value.events;
      checkEventCount("batch.events", inputs.length);
      const release = await room.handOver(sizeOfEvents(inputs));
      const batch = { events: inputs.map(incomingEvent), firstIndex };
      firstIndex += inputs.length;
      const committing = ingestBatchOfEvents(deps, call, batch, retryOf(deps, call.context));
      batches.push(committing.finally(release));
    }
    batches.end();
    return null;
  } catch (error) {
    batches.fail(error);
    throw error;
  } finally {
    room.close();
  }
}

function checkExpected({ expectedEventCount }: IngestEventsFinish): void {
  if (expectedEventCount === undefined || expectedEventCount >= 0n) return;
  const description = `is ${expectedEventCount}, at least 0`;
  throw invalidArgument([{ field: "finish.expected_event_count", description }]);
}

function outOfPlace({ frame }: IngestEventsRequest, description: string): ConnectError {
  return invalidArgument([{ field: frame.case ?? "frame", description }], {
    reason: "FRAME_OUT_OF_PLACE",
  });
}
