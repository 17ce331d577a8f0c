/** One event: as it was sent beside what was read from it, and what happened to it. */
import { useQuery } from "@connectrpc/connect-query";
import { Link, useSearchParams } from "wouter";
import { type Event, EventState } from "../../../../gen/tally/v1/event_pb.js";
import { EventService } from "../../../../gen/tally/v1/event_service_pb.js";
import { displayText } from "../../format/display-text.js";
import { bytesText, indentJson } from "../../format/indent-json.js";
import { paths } from "../../routes.js";
import { EventStateBadge } from "../../ui/event-badges.js";
import { Page, Section } from "../../ui/page.js";
import { QueryView } from "../../ui/query-view.js";
import { Block } from "../../ui/texts.js";
import type { ProjectPageProps } from "../project-page.js";
import "../../styles/events.css";
import { EventFacts } from "./event-facts.js";
import { EventLog } from "./event-log.js";
import { EventStateNote } from "./event-state-note.js";
import { EventWarnings } from "./event-warnings.js";

export default function EventPage({ projectId }: ProjectPageProps) {
  const [params] = useSearchParams();
  const eventId = params.get("id") ?? "";
  return <EventOf key={eventId} projectId={projectId} eventId={eventId} />;
}

function EventOf({ projectId, eventId }: ProjectPageProps & { readonly eventId: string }) {
  const query = useQuery(
    EventService.method.getEvent,
    { projectId, eventId },
    {
      refetchInterval: ({ state }) =>
        state.data?.event?.state === EventState.QUEUED ? POLL_MS : false,
    },
  );
  const event = query.data?.event;
  const heading = displayText(event?.metric || eventId, 300);
  return (
    <Page
      title={`Event ${displayText(eventId, 60)}`}
      heading={<bdi>{heading}</bdi>}
      actions={
        <>
          {event && <EventStateBadge state={event.state} />}
          <Link href={paths.events(projectId)}>All events</Link>
        </>
      }
    >
      <QueryView query={query} rows={12}>
        {({ event: shown }) => shown && <EventView projectId={projectId} event={shown} />}
      </QueryView>
    </Page>
  );
}

function EventView({ projectId, event }: ProjectPageProps & { readonly event: Event }) {
  const isKnown = event.state !== EventState.DROPPED;
  return (
    <>
      <EventStateNote projectId={projectId} event={event} />
      <div className="split">
        {isKnown && (
          <Section title="As it was sent">
            {event.raw.length > 0 ? (
              <Block label="The event as it was sent" text={indentJson(bytesText(event.raw))} />
            ) : (
              <p className="soft">Its bytes are no longer kept.</p>
            )}
          </Section>
        )}
        <Section title="What was read">
          <div className="card">
            <EventFacts projectId={projectId} event={event} />
          </div>
        </Section>
      </div>
      {event.warnings.length > 0 && (
        <Section title="Warnings" note="Something to know, never a reason to refuse.">
          <EventWarnings event={event} />
        </Section>
      )}
      <Section title="Processing log">
        <EventLog entries={event.log} />
      </Section>
    </>
  );
}

const POLL_MS = 1000;
