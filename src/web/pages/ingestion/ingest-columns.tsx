import { Link } from "wouter";
import { type IngestCounts, IngestKind } from "../../../../gen/tally/v1/stats_service_pb.js";
import { formatCount, formatShare } from "../../format/numbers.js";
import { paths } from "../../routes.js";
import type { Column } from "../../ui/data-table.js";
import { Line } from "../../ui/texts.js";

/** The columns of what each sender has sent. */
export function ingestColumns(projectId: string): readonly Column<IngestCounts>[] {
  return [
    {
      key: "sender",
      title: "Sender",
      width: "minmax(0, 1.6fr)",
      cell: ({ kind, client }) => (
        <span className="test-label">
          {kind === IngestKind.EVENT && client !== "" ? (
            <Link href={paths.events(projectId, { client })}>
              <Line text={client} />
            </Link>
          ) : (
            <Line text={client || "not readable"} />
          )}
          <span className="soft small">
            {kind === IngestKind.EVENT ? "Events of a client" : "Results by a token"}
          </span>
        </span>
      ),
    },
    count("received", "Received", ({ receivedCount }) => receivedCount, false),
    count("accepted", "Accepted", ({ acceptedCount }) => acceptedCount),
    count("queued", "Queued", ({ queuedCount }) => queuedCount),
    count("duplicates", "Duplicates", ({ duplicateCount }) => duplicateCount),
    count("conflicts", "Conflicts", ({ conflictCount }) => conflictCount),
    count("rejected", "Rejected", ({ rejectedCount }) => rejectedCount, false),
    share("accepted-rate", "Accepted rate", ({ acceptedRate }) => acceptedRate),
    share("duplicate-rate", "Duplicate rate", ({ duplicateRate }) => duplicateRate),
    share("refused-rate", "Refused rate", ({ refusedRate }) => refusedRate),
  ];
}

function count(
  key: string,
  title: string,
  read: (counts: IngestCounts) => bigint,
  wideOnly = true,
): Column<IngestCounts> {
  return {
    key,
    title,
    width: "minmax(66px, 0.6fr)",
    align: "end",
    wideOnly,
    cell: (counts) => formatCount(read(counts)),
  };
}

/** A dash for what has not happened, so that what has stands out. */
function share(
  key: string,
  title: string,
  read: (counts: IngestCounts) => number,
): Column<IngestCounts> {
  return {
    key,
    title,
    width: "minmax(92px, 0.6fr)",
    align: "end",
    wideOnly: true,
    cell: (counts) => (
      <span className="soft">{read(counts) === 0 ? "–" : formatShare(read(counts))}</span>
    ),
  };
}
