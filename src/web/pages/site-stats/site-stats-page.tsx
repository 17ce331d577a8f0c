/** How often something happened to the site of a client. */
import { skipToken, useQuery } from "@connectrpc/connect-query";
import {
  EventService,
  type GetEventStatsResponse,
} from "../../../../gen/tally/v1/event_service_pb.js";
import { dayStart } from "../../format/day-range.js";
import { formatCount } from "../../format/numbers.js";
import { CountStat } from "../../ui/count-stat.js";
import { Page, Section } from "../../ui/page.js";
import { Empty, QueryView } from "../../ui/query-view.js";
import { TextFilter } from "../../ui/text-filter.js";
import { useParam } from "../../ui/use-params.js";
import type { ProjectPageProps } from "../project-page.js";
import "../../styles/events.css";
import { PathList } from "./path-list.js";
import { SeenClients } from "./seen-clients.js";

export default function SiteStatsPage({ projectId }: ProjectPageProps) {
  const [client, setClient] = useParam("client", "");
  const [metric, setMetric] = useParam("metric", "page_view");
  const [date, setDate] = useParam("date", "");
  const isDay = date === "" || dayStart(date) !== undefined;
  const query = useQuery(
    EventService.method.getEventStats,
    client === "" || !isDay ? skipToken : { projectId, client, metric, date, topPathsLimit: 50 },
  );
  return (
    <Page
      title="Site stats"
      filters={
        <>
          <TextFilter
            label="Client"
            placeholder="site-abc-123"
            value={client}
            onFilter={setClient}
          />
          <TextFilter label="Metric" placeholder="page_view" value={metric} onFilter={setMetric} />
          <TextFilter
            type="date"
            label="Day (UTC); none for all time"
            value={date}
            onFilter={setDate}
          />
        </>
      }
    >
      {client === "" ? (
        <Empty title="Choose a client.">
          <p>Site stats are of one client: its views, its users and its paths.</p>
          <SeenClients projectId={projectId} metric={metric} />
        </Empty>
      ) : (
        <QueryView query={query} rows={8}>
          {(stats) => (stats.found ? <SiteStats stats={stats} /> : <NoStats />)}
        </QueryView>
      )}
    </Page>
  );
}

function SiteStats({ stats }: { readonly stats: GetEventStatsResponse }) {
  const { date, totalViews, uniqueUsers, topPaths } = stats;
  const when = date === "all-time" ? "all time" : `${date}, UTC`;
  return (
    <>
      <div className="stats">
        <CountStat name="Total views" value={formatCount(totalViews)} note={when} />
        <CountStat
          name="Unique users"
          value={formatCount(uniqueUsers)}
          note="views without a user count for none"
        />
      </div>
      <Section title="Top paths" note={`by views, the first 50, ${when}`}>
        <PathList paths={topPaths} />
      </Section>
    </>
  );
}

function NoStats() {
  return <Empty title="No analytics data found for the specified criteria." />;
}
