import { useEffect, useRef, useState } from "react";
import { type EventFilter, EventService } from "../../../../gen/tally/v1/event_service_pb.js";
import type { EventFormat } from "../../../event-lines.js";
import { plural } from "../../format/numbers.js";
import { useClient } from "../../session/use-client.js";
import { Button } from "../../ui/button.js";
import { Callout } from "../../ui/callout.js";
import { errorText } from "../../ui/error-text.js";
import { downloadEvents } from "./download-events.js";
import { saveFile } from "./save-file.js";

/** Downloads all events of the filter, with their number while it goes on, and a way to stop. */
export function EventDownload({
  projectId,
  filter,
}: {
  readonly projectId: string;
  readonly filter: EventFilter;
}) {
  const events = useClient(EventService);
  const [count, setCount] = useState<number | null>(null);
  const [error, setError] = useState<unknown>(null);
  const running = useRef<AbortController>(null);
  useEffect(() => () => running.current?.abort(), []);
  const start = async (format: EventFormat) => {
    const stop = new AbortController();
    running.current = stop;
    setError(null);
    setCount(0);
    try {
      const { signal } = stop;
      const asked = { projectId, filter, format, signal, onProgress: setCount };
      saveFile(`events.${format}`, TYPES[format], await downloadEvents(events, asked));
    } catch (thrown) {
      if (!stop.signal.aborted) setError(thrown);
    }
    setCount(null);
  };
  if (count !== null) {
    return (
      <>
        <span role="status" className="number">
          {plural(count, "event")} so far
        </span>
        <Button onClick={() => running.current?.abort()}>Stop the download</Button>
      </>
    );
  }
  return (
    <>
      <Button onClick={() => start("csv")}>Download CSV</Button>
      <Button onClick={() => start("ndjson")}>Download NDJSON</Button>
      {error !== null && <Callout tone="failed">{errorText(error)}</Callout>}
    </>
  );
}

const TYPES: Readonly<Record<EventFormat, string>> = {
  csv: "text/csv;charset=utf-8",
  ndjson: "application/x-ndjson",
};
