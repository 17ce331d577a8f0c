import { Link } from "wouter";
import type { Event } from "../../../../gen/tally/v1/event_pb.js";
import { plural } from "../../format/numbers.js";
import { paths } from "../../routes.js";
import { Badge } from "../../ui/badges.js";
import type { Column } from "../../ui/data-table.js";
import { EventStateBadge } from "../../ui/event-badges.js";
import { Ago, Line } from "../../ui/texts.js";

/** The columns of a list of events. */
export function eventColumns(projectId: string): readonly Column<Event>[] {
  return [
    {
      key: "metric",
      title: "Metric and client",
      width: "minmax(0, 1.4fr)",
      cell: ({ eventId, metric, client }) => (
        <Link href={paths.event(projectId, eventId)} className="test-label">
          <Line text={metric || "no metric"} />
          <span className="soft small">
            <Line text={client || "no client"} />
          </span>
        </Link>
      ),
    },
    {
      key: "amount",
      title: "Amount",
      width: "minmax(90px, 0.7fr)",
      align: "end",
      cell: ({ amount }) => <Line text={amount} />,
    },
    {
      key: "where",
      title: "Path and user",
      width: "minmax(0, 1.2fr)",
      wideOnly: true,
      cell: ({ path, userId }) => (
        <span className="test-label">
          <Line text={path || "–"} />
          <span className="soft small">
            <Line text={userId} />
          </span>
        </span>
      ),
    },
    {
      key: "state",
      title: "State",
      width: "minmax(92px, 0.5fr)",
      cell: ({ state, warnings }) => (
        <span className="event-state">
          <EventStateBadge state={state} />
          {warnings.length > 0 && <Badge tone="warned">{plural(warnings.length, "warning")}</Badge>}
        </span>
      ),
    },
    {
      key: "occurred",
      title: "Happened",
      width: "92px",
      wideOnly: true,
      cell: ({ occurredTime }) => <Ago time={occurredTime} />,
    },
    {
      key: "received",
      title: "Received",
      width: "92px",
      wideOnly: true,
      cell: ({ receivedTime }) => <Ago time={receivedTime} />,
    },
  ];
}
