import { useQuery } from "@connectrpc/connect-query";
import { Link } from "wouter";
import { EventState, EventStep } from "../../../../gen/tally/v1/event_pb.js";
import { EventService } from "../../../../gen/tally/v1/event_service_pb.js";
import { plural } from "../../format/numbers.js";
import { paths } from "../../routes.js";
import { Callout } from "../../ui/callout.js";
import { errorText } from "../../ui/error-text.js";
import type { ProjectPageProps } from "../project-page.js";

/** A queued event, followed until it is processed or given up. */
export function QueuedEvent({
  projectId,
  eventId,
}: ProjectPageProps & { readonly eventId: string }) {
  const { data, error } = useQuery(
    EventService.method.getEvent,
    { projectId, eventId },
    {
      staleTime: 0,
      refetchInterval: ({ state }) => (isAtItsEnd(state.data?.event?.state) ? false : POLL_MS),
    },
  );
  const state = data?.event?.state;
  const failures =
    data?.event?.log.filter(({ step }) => step === EventStep.ATTEMPT_FAILED).length ?? 0;
  const link = <Link href={paths.event(projectId, eventId)}>See the event</Link>;
  const failed = failures > 0 ? ` after ${plural(failures, "failed attempt")}` : "";
  if (state === EventState.PROCESSED) {
    return (
      <Callout tone="passed">
        <p>
          <strong>Processed</strong>
          {failed}. The queued event is counted now.
        </p>
        {link}
      </Callout>
    );
  }
  if (state === EventState.REJECTED) {
    return (
      <Callout tone="failed">
        <p>
          <strong>Given up</strong>
          {failed}. The event is kept as a rejection, from which it can be sent again.
        </p>
        {link}
      </Callout>
    );
  }
  return (
    <Callout tone="info">
      <p>
        <strong>Queued</strong>
        {failed}. The event is stored and will be counted soon; its state is asked for every second.
      </p>
      {error !== null && <p>{errorText(error)}</p>}
      {link}
    </Callout>
  );
}

function isAtItsEnd(state: EventState | undefined): boolean {
  return state === EventState.PROCESSED || state === EventState.REJECTED;
}

const POLL_MS = 1000;
