/** Who sent the run: jobs, their shards, their CI attempts. */
import { type PartSummary, Status } from "../../../../gen/tally/v1/run_pb.js";
import { displayText } from "../../format/display-text.js";
import { formatCount } from "../../format/numbers.js";
import { partName } from "../../format/part-name.js";
import { Badge, StatusBadge } from "../../ui/badges.js";
import { type Column, DataTable } from "../../ui/data-table.js";
import { Empty } from "../../ui/query-view.js";
import { Ago, Line } from "../../ui/texts.js";
import type { UnseenShard } from "./unseen-shards.js";

type Row =
  | { readonly kind: "part"; readonly part: PartSummary }
  | { readonly kind: "unseen"; readonly shard: UnseenShard };

/** What each part announced, and what became of it; `unseen` shards have not begun. */
export function PartTable({
  parts,
  isTruncated,
  unseen,
}: {
  readonly parts: readonly PartSummary[];
  /** There are more. */
  readonly isTruncated: boolean;
  readonly unseen: readonly UnseenShard[];
}) {
  const rows: readonly Row[] = [
    ...parts.map((part) => ({ kind: "part" as const, part })),
    ...unseen.map((shard) => ({ kind: "unseen" as const, shard })),
  ];
  if (rows.length === 0) return <Empty title="Nothing is known of the parts of this run." />;
  return (
    <>
      {isTruncated && (
        <p className="soft">
          The first {parts.length}: the names of all are too long for one list.
        </p>
      )}
      <DataTable label="Parts" rows={rows} rowKey={rowKey} columns={columns} />
    </>
  );
}

const columns: readonly Column<Row>[] = [
  {
    key: "part",
    title: "Part",
    width: "minmax(0, 1fr)",
    cell: (row) =>
      row.kind === "part" ? (
        <>
          <Line text={partName(row.part.part) || "unnamed"} />
          <bdi className="line soft small">{displayText(row.part.part?.producer ?? "", 120)}</bdi>
        </>
      ) : (
        <Line text={`${row.shard.job} ${row.shard.index}/${row.shard.total}`.trim()} />
      ),
  },
  {
    key: "status",
    title: "Status",
    width: "92px",
    cell: (row) => <PartBadge row={row} />,
  },
  count("announced", "Announced", ({ expectedResultCount }) => expectedResultCount, true),
  count("stored", "Stored", ({ storedCount }) => storedCount, true),
  count("refused", "Refused", ({ rejectedCount }) => rejectedCount, true, "text-failed"),
  count("missing", "Missing", ({ missingCount }) => missingCount, false, "text-failed"),
  {
    key: "finished",
    title: "Finished",
    width: "90px",
    align: "end",
    wideOnly: true,
    cell: (row) => <Ago time={row.kind === "part" ? row.part.finishTime : undefined} />,
  },
];

function PartBadge({ row }: { readonly row: Row }) {
  if (row.kind === "unseen") return <Badge tone="warned">Not begun</Badge>;
  const { finishTime, status } = row.part;
  if (finishTime === undefined) return <Badge tone="accent">Running</Badge>;
  return status === Status.UNSPECIFIED ? (
    <Badge tone="skipped">Finished</Badge>
  ) : (
    <StatusBadge status={status} />
  );
}

function count(
  key: string,
  title: string,
  of: (part: PartSummary) => bigint | undefined,
  wideOnly: boolean,
  tone = "",
): Column<Row> {
  return {
    key,
    title,
    width: wideOnly ? "90px" : "64px",
    align: "end",
    wideOnly,
    cell: (row) => {
      const value = row.kind === "part" ? of(row.part) : undefined;
      if (value === undefined) return <span className="soft">–</span>;
      return <span className={value > 0n ? tone : "soft"}>{formatCount(value)}</span>;
    },
  };
}

function rowKey(row: Row): string {
  if (row.kind === "unseen") return `unseen ${row.shard.job} ${row.shard.index}`;
  const { job, shardIndex, shardTotal, attempt, producer } = row.part.part ?? {};
  return JSON.stringify([job, shardIndex, shardTotal, attempt, producer]);
}
