/** Events in a file: its lines, or the elements of its JSON array, each as the bytes that the file has. */
import { type EventItem, eventItem, isBlank, MAX_EVENT_BYTES } from "./event-item.js";
import { createJsonEvents } from "./json-events.js";
import { createPieces } from "./pieces.js";

/** `json`: one event, or an array of events. `ndjson`: an event on each line that is not blank. */
export type EventFormat = "json" | "ndjson";

/**
 * The events of a file in its order. Nothing is judged but where each begins and ends: the server says what is
 * wrong with an event. Memory is bounded by one event of up to 4 MiB; a longer one is a problem. A byte order mark
 * at the beginning is left out.
 */
export async function* readEvents(
  format: EventFormat,
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<EventItem> {
  const splitter = format === "json" ? createJsonEvents() : createEventLines();
  for await (const chunk of withoutMark(chunks)) yield* splitter.write(chunk);
  yield* splitter.end();
}

function createEventLines() {
  const pieces = createPieces(MAX_EVENT_BYTES);
  let line = 1;
  const take = (): EventItem[] => {
    const bytes = pieces.take();
    return bytes?.every(isBlank) ? [] : [eventItem(line, bytes)];
  };
  return {
    *write(chunk: Uint8Array): Generator<EventItem> {
      let from = 0;
      for (let at = chunk.indexOf(LF); at >= 0; at = chunk.indexOf(LF, from)) {
        pieces.add(chunk.subarray(from, at));
        yield* take();
        line++;
        from = at + 1;
      }
      pieces.add(chunk.subarray(from));
    },
    end: take,
  };
}

const LF = 0x0a;

async function* withoutMark(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let head: Uint8Array | null = new Uint8Array();
  for await (const chunk of chunks) {
    if (head === null) {
      yield chunk;
      continue;
    }
    head = Buffer.concat([head, chunk]);
    if (head.length < MARK.length) continue;
    yield MARK.equals(head.subarray(0, MARK.length)) ? head.subarray(MARK.length) : head;
    head = null;
  }
  if (head !== null) yield head;
}

const MARK = Buffer.from([0xef, 0xbb, 0xbf]);
