/** All events of a filter as one file. */
import type { Client } from "@connectrpc/connect";
import type { EventFilter, EventService } from "../../../../gen/tally/v1/event_service_pb.js";
import { type EventFormat, eventHead, eventLine } from "../../../event-lines.js";

export interface Download {
  readonly projectId: string;
  readonly filter: EventFilter;
  readonly format: EventFormat;
  readonly signal: AbortSignal;
  /** Called with the number of events that have come so far. */
  onProgress(count: number): void;
}

/** Reads page after page, newest received first; the file is in pieces, as a Blob takes it. Rejects when `signal` aborts. */
export async function downloadEvents(
  events: Pick<Client<typeof EventService>, "listEvents">,
  { projectId, filter, format, signal, onProgress }: Download,
): Promise<string[]> {
  const pieces = [eventHead(format)];
  let count = 0;
  let pageToken = "";
  do {
    const request = { projectId, filter, pageSize: PAGE_SIZE, pageToken };
    const page = await events.listEvents(request, { signal });
    pieces.push(page.events.map((event) => eventLine(format, event)).join(""));
    count += page.events.length;
    onProgress(count);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return pieces;
}

const PAGE_SIZE = 1000;
