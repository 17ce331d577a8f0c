/** What was changed, by whom, and which calls were refused. */
import { useInfiniteQuery } from "@connectrpc/connect-query";
import type { AuditEntry } from "../../../gen/tally/v1/tenancy_pb.js";
import { TenancyService } from "../../../gen/tally/v1/tenancy_service_pb.js";
import { formatCount } from "../format/numbers.js";
import { byPageToken } from "../session/by-page-token.js";
import { type Column, DataTable } from "../ui/data-table.js";
import { QueryView } from "../ui/query-view.js";
import { Ago, Line } from "../ui/texts.js";

/** Newest first; without `projectId` that of all projects. */
export function AuditLog({ projectId = "" }: { readonly projectId?: string }) {
  const query = useInfiniteQuery(
    TenancyService.method.listAuditEntries,
    { projectId, pageSize: 100, pageToken: "" },
    byPageToken,
  );
  return (
    <QueryView query={query} rows={5}>
      {({ pages }) => {
        const entries = pages.flatMap(({ auditEntries }) => auditEntries);
        if (entries.length === 0) return <p className="soft">Nothing was changed yet.</p>;
        return (
          <DataTable
            label="Audit log, newest first"
            rows={entries}
            rowKey={({ auditEntryId }) => String(auditEntryId)}
            columns={columns}
            more={query}
            rowHeight={44 / 15}
          />
        );
      }}
    </QueryView>
  );
}

const columns: readonly Column<AuditEntry>[] = [
  {
    key: "action",
    title: "What",
    width: "minmax(0, 1.1fr)",
    cell: ({ action, count }) => (
      <Line text={`${action.replaceAll("_", " ")}${count > 1 ? ` × ${formatCount(count)}` : ""}`} />
    ),
  },
  {
    key: "subject",
    title: "On",
    width: "minmax(0, 1.3fr)",
    wideOnly: true,
    cell: ({ subjectId, projectId, organizationId }) => (
      <Line text={subjectId || projectId || organizationId || "–"} />
    ),
  },
  {
    key: "actor",
    title: "By",
    width: "minmax(0, 1.2fr)",
    wideOnly: true,
    cell: ({ actorTokenId }) => (
      <Line text={actorTokenId ? `token ${actorTokenId}` : "nobody known"} />
    ),
  },
  {
    key: "address",
    title: "From",
    width: "minmax(0, 0.8fr)",
    wideOnly: true,
    cell: ({ address }) => <Line text={address || "–"} />,
  },
  {
    key: "time",
    title: "When",
    width: "92px",
    align: "end",
    cell: ({ createTime }) => <Ago time={createTime} />,
  },
];
