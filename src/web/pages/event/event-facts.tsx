import { Link } from "wouter";
import type { Event } from "../../../../gen/tally/v1/event_pb.js";
import { indentJson } from "../../format/indent-json.js";
import { paths } from "../../routes.js";
import { CopyButton } from "../../ui/copy-button.js";
import { Facts } from "../../ui/facts.js";
import { Block, Line } from "../../ui/texts.js";
import { When } from "../../ui/when.js";
import type { ProjectPageProps } from "../project-page.js";

/** What was read from an event; what it has not is left out. */
export function EventFacts({ projectId, event }: ProjectPageProps & { readonly event: Event }) {
  const { client, metric, amount, path, userId, attributesJson, idempotencyKey } = event;
  return (
    <Facts
      facts={[
        [
          "Client",
          client && (
            <Link href={paths.events(projectId, { client })}>
              <Line text={client} />
            </Link>
          ),
        ],
        [
          "Metric",
          metric && (
            <Link href={paths.events(projectId, { metric })}>
              <Line text={metric} />
            </Link>
          ),
        ],
        ["Amount", amount && <span className="number">{amount}</span>],
        ["Happened", event.occurredTime && <When time={event.occurredTime} />],
        ["Path", path && <Line text={path} />],
        ["User", userId && <Line text={userId} />],
        [
          "Attributes",
          attributesJson && <Block label="Attributes" text={indentJson(attributesJson)} />,
        ],
        ["Idempotency key", idempotencyKey && <Line text={idempotencyKey} />],
        ["Received", event.receivedTime && <When time={event.receivedTime} />],
        [
          "Event id",
          <span key="id" className="row">
            <span className="mono">{event.eventId}</span>
            <CopyButton text={event.eventId} />
          </span>,
        ],
        ["Rules", event.normalizerVersion > 0 ? `version ${event.normalizerVersion}` : ""],
      ]}
    />
  );
}
