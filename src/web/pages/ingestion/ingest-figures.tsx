import type {
  GetIngestStatsResponse,
  IngestCounts,
  IngestKind,
} from "../../../../gen/tally/v1/stats_service_pb.js";
import { formatCount, formatShare } from "../../format/numbers.js";
import { CountStat } from "../../ui/count-stat.js";
import { Ago } from "../../ui/texts.js";

/** What was received of a kind, and what became of it. */
export function KindStats({
  title,
  kind,
  counts,
}: {
  readonly title: string;
  readonly kind: IngestKind;
  readonly counts: readonly IngestCounts[];
}) {
  const own = counts.filter((each) => each.kind === kind);
  const sum = (read: (each: IngestCounts) => bigint) =>
    own.reduce((all, each) => all + read(each), 0n);
  const received = sum(({ receivedCount }) => receivedCount);
  const share = (count: bigint) =>
    received === 0n ? "–" : formatShare(Number(count) / Number(received));
  const duplicates = sum(({ duplicateCount }) => duplicateCount);
  const refused = sum(({ conflictCount, rejectedCount }) => conflictCount + rejectedCount);
  return (
    <>
      <CountStat
        name={`${title} received`}
        value={formatCount(received)}
        note={`${share(duplicates)} duplicates`}
      />
      <CountStat
        name={`${title} refused`}
        value={formatCount(refused)}
        note={`${share(refused)}, with conflicts`}
      />
    </>
  );
}

/** How many queued events wait, and since when. */
export function InboxStat({
  stats: { inboxDepth, inboxOldestTime },
}: {
  readonly stats: GetIngestStatsResponse;
}) {
  return (
    <CountStat
      name="Events that wait"
      value={formatCount(inboxDepth)}
      note={
        inboxOldestTime === undefined ? (
          "the inbox is empty"
        ) : (
          <>
            the oldest came <Ago time={inboxOldestTime} />
          </>
        )
      }
    />
  );
}
