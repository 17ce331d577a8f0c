/** What was refused: a list, or with `id` in the address the one rejection. */
import { useInfiniteQuery } from "@connectrpc/connect-query";
import { useMemo } from "react";
import { Link, useSearchParams } from "wouter";
import { RejectionState } from "../../../../gen/tally/v1/rejection_pb.js";
import { RejectionService } from "../../../../gen/tally/v1/rejection_service_pb.js";
import { Scope } from "../../../../gen/tally/v1/tenancy_pb.js";
import { paths } from "../../routes.js";
import { byPageToken } from "../../session/by-page-token.js";
import { useSession } from "../../session/session.js";
import { DataTable } from "../../ui/data-table.js";
import { Page } from "../../ui/page.js";
import { Empty, QueryView } from "../../ui/query-view.js";
import type { ProjectPageProps } from "../project-page.js";
import "../../styles/events.css";
import { BulkActions } from "./bulk-actions.js";
import { rejectionColumns } from "./rejection-columns.js";
import { REJECTION_PARAMS, rejectionFilter } from "./rejection-filter.js";
import { RejectionFilters } from "./rejection-filters.js";
import { RejectionView } from "./rejection-view.js";

export default function RejectionsPage({ projectId }: ProjectPageProps) {
  const [params] = useSearchParams();
  const id = params.get("id");
  return id === null ? (
    <RejectionList projectId={projectId} params={params} />
  ) : (
    <RejectionView key={id} projectId={projectId} params={params} id={id} />
  );
}

function RejectionList({
  projectId,
  params,
}: ProjectPageProps & { readonly params: URLSearchParams }) {
  const { may } = useSession();
  const filter = useMemo(() => rejectionFilter(params), [params]);
  const columns = useMemo(
    () => rejectionColumns((id) => withId(projectId, params, id)),
    [projectId, params],
  );
  const query = useInfiniteQuery(
    RejectionService.method.listRejections,
    { projectId, filter, pageToken: "" },
    byPageToken,
  );
  const rows = query.data?.pages.flatMap(({ rejections }) => rejections) ?? [];
  const mayAct = may(Scope.MANAGE) && filter.state === RejectionState.OPEN;
  return (
    <Page
      title="Rejections"
      actions={
        mayAct && <BulkActions projectId={projectId} filter={filter} isEmpty={rows.length === 0} />
      }
      filters={<RejectionFilters />}
    >
      {!may(Scope.MANAGE) && (
        <p className="soft small">
          This token may look at rejections. Replaying and dismissing them needs the scope MANAGE.
        </p>
      )}
      <QueryView query={query} rows={12}>
        {() =>
          rows.length === 0 && !query.hasNextPage ? (
            <NoRejections projectId={projectId} params={params} />
          ) : (
            <DataTable
              label="Rejections, newest first"
              rows={rows}
              rowKey={({ rejectionId }) => rejectionId}
              columns={columns}
              more={query}
            />
          )
        }
      </QueryView>
    </Page>
  );
}

function NoRejections({
  projectId,
  params,
}: ProjectPageProps & { readonly params: URLSearchParams }) {
  if (REJECTION_PARAMS.some((name) => params.has(name))) {
    return (
      <Empty title="No rejection matches.">
        <p>Clients and runs are exact names, days are in UTC.</p>
        <Link href={paths.rejections(projectId)}>Show all open ones</Link>
      </Empty>
    );
  }
  return (
    <Empty title="No rejection is open.">
      <p>What is refused is kept here until somebody mends or dismisses it.</p>
      <Link href={paths.rejections(projectId, { state: "all" })}>Show closed ones too</Link>
    </Empty>
  );
}

/** The address of one rejection, from which there is a way back to the same list. */
function withId(projectId: string, params: URLSearchParams, id: string): string {
  return paths.rejections(projectId, { ...Object.fromEntries(params), id });
}
