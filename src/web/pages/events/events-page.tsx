/** All stored events, narrowed by the filters of the address. */
import { useInfiniteQuery } from "@connectrpc/connect-query";
import { useMemo } from "react";
import { Link, useSearchParams } from "wouter";
import { EventService } from "../../../../gen/tally/v1/event_service_pb.js";
import { paths } from "../../routes.js";
import { byPageToken } from "../../session/by-page-token.js";
import { DataTable } from "../../ui/data-table.js";
import { Page } from "../../ui/page.js";
import { Empty, QueryView } from "../../ui/query-view.js";
import type { ProjectPageProps } from "../project-page.js";
import "../../styles/events.css";
import { eventColumns } from "./event-columns.js";
import { EventDownload } from "./event-download.js";
import { EVENT_PARAMS, eventFilter } from "./event-filter.js";
import { EventFilters } from "./event-filters.js";

export default function EventsPage({ projectId }: ProjectPageProps) {
  const [params] = useSearchParams();
  const filter = useMemo(() => eventFilter(params), [params]);
  const columns = useMemo(() => eventColumns(projectId), [projectId]);
  const query = useInfiniteQuery(
    EventService.method.listEvents,
    { projectId, filter, pageSize: 100, pageToken: "" },
    byPageToken,
  );
  const isFiltered = EVENT_PARAMS.some((name) => params.has(name));
  return (
    <Page
      title="Events"
      actions={<EventDownload projectId={projectId} filter={filter} />}
      filters={<EventFilters />}
    >
      <QueryView query={query} rows={12}>
        {({ pages }) => {
          const rows = pages.flatMap(({ events }) => events);
          if (rows.length === 0 && !query.hasNextPage) {
            return <NoEvents projectId={projectId} isFiltered={isFiltered} />;
          }
          return (
            <DataTable
              label="Events, newest received first"
              rows={rows}
              rowKey={({ eventId }) => eventId}
              columns={columns}
              more={query}
            />
          );
        }}
      </QueryView>
    </Page>
  );
}

function NoEvents({
  projectId,
  isFiltered,
}: {
  readonly projectId: string;
  readonly isFiltered: boolean;
}) {
  if (isFiltered) {
    return (
      <Empty title="No stored event matches.">
        <p>
          Client and metric are exact names, days are in UTC. Refused events are among the{" "}
          <Link href={paths.rejections(projectId, { kind: "event" })}>rejections</Link>.
        </p>
        <Link href={paths.events(projectId)}>Show all events</Link>
      </Empty>
    );
  }
  return (
    <Empty title="No event has been stored yet.">
      <p>Any JSON object with a source, a metric, an amount and a time is an event.</p>
      <Link href={paths.sendEvent(projectId)}>Send the first one</Link>
    </Empty>
  );
}
