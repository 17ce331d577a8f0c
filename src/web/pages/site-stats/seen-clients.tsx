import { useQuery } from "@connectrpc/connect-query";
import { Link } from "wouter";
import { EventService } from "../../../../gen/tally/v1/event_service_pb.js";
import { displayText } from "../../format/display-text.js";
import { paths } from "../../routes.js";
import type { ProjectPageProps } from "../project-page.js";

/** Clients of the newest events of the metric, to choose one with a click. */
export function SeenClients({ projectId, metric }: ProjectPageProps & { readonly metric: string }) {
  const { data } = useQuery(EventService.method.listEvents, {
    projectId,
    filter: { metric: metric || "page_view" },
    pageSize: 200,
  });
  const clients = [...new Set(data?.events.map(({ client }) => client))].sort().slice(0, 20);
  if (data === undefined) return null;
  if (clients.length === 0) {
    return (
      <p>
        No event has this metric yet. <Link href={paths.sendEvent(projectId)}>Send one</Link>
      </p>
    );
  }
  return (
    <p className="row">
      Seen lately:
      {clients.map((client) => (
        <Link key={client} href={paths.siteStats(projectId, { client, metric: other(metric) })}>
          <bdi>{displayText(client, 60)}</bdi>
        </Link>
      ))}
    </p>
  );
}

/** The default leaves the address. */
function other(metric: string): string {
  return metric === "page_view" ? "" : metric;
}
