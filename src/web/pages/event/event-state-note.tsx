import { Link } from "wouter";
import { type Event, EventState } from "../../../../gen/tally/v1/event_pb.js";
import { paths } from "../../routes.js";
import { Callout } from "../../ui/callout.js";
import type { ProjectPageProps } from "../project-page.js";

/** What the state of an event means, where it is not simply processed. */
export function EventStateNote({ projectId, event }: ProjectPageProps & { readonly event: Event }) {
  switch (event.state) {
    case EventState.REJECTED: {
      const { client, rejectionId: id } = event;
      return (
        <Callout tone="failed">
          <p>This event was refused and counts nowhere. It is kept with what is wrong with it.</p>
          <Link href={paths.rejections(projectId, { kind: "event", client, id })}>
            See the rejection
          </Link>
        </Callout>
      );
    }
    case EventState.QUEUED:
      return (
        <Callout tone="info">
          <p>This event is stored and will be counted soon. The page follows it.</p>
        </Callout>
      );
    case EventState.DROPPED:
      return (
        <Callout tone="warned">
          <p>
            This event was counted; its content has left by the project's retention. It is
            remembered for 90 days more, so that it is a duplicate when it is sent again.
          </p>
        </Callout>
      );
    default:
      return null;
  }
}
