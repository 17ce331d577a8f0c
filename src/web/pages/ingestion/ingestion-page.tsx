/** What was sent and what became of it. */

import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { useQuery } from "@connectrpc/connect-query";
import { Link } from "wouter";
import {
  type GetIngestStatsResponse,
  IngestKind,
  StatsService,
} from "../../../../gen/tally/v1/stats_service_pb.js";
import { plural } from "../../format/numbers.js";
import { rollingStart } from "../../format/stats-window.js";
import { paths } from "../../routes.js";
import { Choice } from "../../ui/choice.js";
import { DataTable } from "../../ui/data-table.js";
import { Page, Section } from "../../ui/page.js";
import { Empty, QueryView } from "../../ui/query-view.js";
import { useNow } from "../../ui/use-now.js";
import { useParam } from "../../ui/use-params.js";
import type { ProjectPageProps } from "../project-page.js";
import "../../styles/events.css";
import { ingestColumns } from "./ingest-columns.js";
import { InboxStat, KindStats } from "./ingest-figures.js";
import { OpenRejectionList } from "./open-rejection-list.js";

export default function IngestionPage({ projectId }: ProjectPageProps) {
  const [days, setDays] = useParam("days", "1", WINDOWS);
  const startTime = timestampFromMs(rollingStart(Number(days), useNow()));
  const query = useQuery(
    StatsService.method.getIngestStats,
    { projectId, startTime },
    { refetchInterval: POLL_MS },
  );
  return (
    <Page
      title="Ingestion"
      filters={
        <Choice
          label="Window"
          value={days}
          options={WINDOWS.map((each) => ({
            value: each,
            text: each === "1" ? "24 hours" : `${each} days`,
          }))}
          onChoose={setDays}
        />
      }
    >
      <QueryView query={query} rows={10}>
        {(stats) => <IngestStats projectId={projectId} stats={stats} />}
      </QueryView>
    </Page>
  );
}

function IngestStats({
  projectId,
  stats,
}: ProjectPageProps & { readonly stats: GetIngestStatsResponse }) {
  const { counts, countsTruncated, openRejections } = stats;
  return (
    <>
      <div className="stats">
        <KindStats title="Results" kind={IngestKind.RESULT} counts={counts} />
        <KindStats title="Events" kind={IngestKind.EVENT} counts={counts} />
        <InboxStat stats={stats} />
      </div>
      <Section title="Open rejections" note="whenever they were refused">
        <OpenRejectionList projectId={projectId} open={openRejections} />
      </Section>
      <Section
        title="By sender"
        note={countsTruncated ? "the first 1,000 senders" : plural(counts.length, "sender")}
      >
        {counts.length === 0 ? (
          <Empty title="Nothing was sent in this window.">
            <p>
              Choose a longer one, or <Link href={paths.sendEvent(projectId)}>send an event</Link>.
            </p>
          </Empty>
        ) : (
          <DataTable
            label="What was sent, by kind and sender"
            rows={counts}
            rowKey={({ kind, client }) => `${kind} ${client}`}
            columns={ingestColumns(projectId)}
          />
        )}
      </Section>
    </>
  );
}

const WINDOWS = ["1", "7", "30", "90", "365"];
const POLL_MS = 10_000;
