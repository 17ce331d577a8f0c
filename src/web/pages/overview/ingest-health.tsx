/** Whether what is sent arrives. */
import { useQuery } from "@connectrpc/connect-query";
import type { ReactNode } from "react";
import { Link } from "wouter";
import { type IngestCounts, StatsService } from "../../../../gen/tally/v1/stats_service_pb.js";
import { formatCount } from "../../format/numbers.js";
import { paths } from "../../routes.js";
import { Section } from "../../ui/page.js";
import { QueryView } from "../../ui/query-view.js";
import { Ago } from "../../ui/texts.js";

/** What was sent in the last 24 hours and what became of it, and what waits for somebody. */
export function IngestHealth({
  projectId,
  asks,
}: {
  readonly projectId: string;
  /** Whether it is its turn to ask the server. */
  readonly asks: boolean;
}) {
  const ingested = useQuery(
    StatsService.method.getIngestStats,
    { projectId },
    { refetchInterval: 60_000, enabled: asks },
  );
  return (
    <Section
      title="Ingestion"
      note="last 24 hours, results and events"
      actions={<Link href={paths.ingestion(projectId)}>Details</Link>}
    >
      <div className="ingest-place">
        <QueryView query={ingested} rows={1}>
          {({ counts, openRejections, inboxDepth, inboxOldestTime }) => {
            const open = openRejections.reduce((sum, { count }) => sum + count, 0n);
            const sum = (count: (each: IngestCounts) => bigint) =>
              counts.reduce((total, each) => total + count(each), 0n);
            return (
              <dl className="card ingest">
                <Figure name="Accepted" count={sum((each) => each.acceptedCount)} />
                <Figure name="Queued" count={sum((each) => each.queuedCount)} />
                <Figure name="Duplicates" count={sum((each) => each.duplicateCount)} />
                <Figure name="Conflicts" count={sum((each) => each.conflictCount)} isBad />
                <Figure name="Refused" count={sum((each) => each.rejectedCount)} isBad />
                <Figure name="Open rejections" count={open} isBad>
                  {open > 0n && <Link href={paths.rejections(projectId)}>See why</Link>}
                </Figure>
                <Figure name="Waiting in the inbox" count={inboxDepth}>
                  {inboxOldestTime && <Ago time={inboxOldestTime} />}
                </Figure>
              </dl>
            );
          }}
        </QueryView>
      </div>
    </Section>
  );
}

function Figure({
  name,
  count,
  isBad = false,
  children,
}: {
  readonly name: string;
  readonly count: bigint;
  readonly isBad?: boolean;
  readonly children?: ReactNode;
}) {
  return (
    <div>
      <dt className="soft small">{name}</dt>
      <dd>
        <span className={`ingest-count number${isBad && count > 0n ? " tone-warned" : ""}`}>
          {formatCount(count)}
        </span>{" "}
        <span className="small">{children}</span>
      </dd>
    </div>
  );
}
