/** What failed alike, most frequent first. */
import { useInfiniteQuery } from "@connectrpc/connect-query";
import { useMemo, useState } from "react";
import { Link } from "wouter";
import { StatsService } from "../../../../gen/tally/v1/stats_service_pb.js";
import { displayText } from "../../format/display-text.js";
import { paths } from "../../routes.js";
import { byPageToken } from "../../session/by-page-token.js";
import { Button } from "../../ui/button.js";
import { ExpandingList } from "../../ui/expanding-list.js";
import { Page } from "../../ui/page.js";
import { Empty, QueryView } from "../../ui/query-view.js";
import { useKeptUp } from "../../ui/use-kept-up.js";
import { useParam, useWindowDays } from "../../ui/use-params.js";
import { WindowChoice } from "../../ui/window-choice.js";
import type { ProjectPageProps } from "../project-page.js";
import { FailureDetail } from "./failure-detail.js";
import { FailureHead } from "./failure-head.js";
import "../../styles/failures.css";

/** Of the window, or with `run` in the address of that run alone. */
export default function FailuresPage({ projectId }: ProjectPageProps) {
  const [days] = useWindowDays();
  const [runId, setRunId] = useParam<string>("run", "");
  const scope = runId === "" ? { windowDays: days } : { runId };
  const [isReading, setReading] = useState(false);
  const failures = useInfiniteQuery(
    StatsService.method.listFailureGroups,
    { projectId, ...scope, pageToken: "" },
    {
      ...byPageToken,
      ...useKeptUp(isReading),
    },
  );
  const rows = useMemo(
    () => failures.data?.pages.flatMap(({ groups }) => groups) ?? [],
    [failures.data],
  );
  return (
    <Page
      title="Failures"
      filters={
        runId === "" ? (
          <WindowChoice />
        ) : (
          <>
            <span>
              Only of run{" "}
              <Link href={paths.run(projectId, runId)}>
                <bdi>{displayText(runId, 80)}</bdi>
              </Link>
            </span>
            <Button onClick={() => setRunId("")}>Show all runs</Button>
          </>
        )
      }
    >
      <p className="soft page-note">
        Failures are one group if their kind, type and message are equal, once numbers, paths, times
        and quoted values are masked.
      </p>
      <QueryView query={failures} rows={10}>
        {() =>
          rows.length === 0 && !failures.hasNextPage ? (
            <Empty title={runId === "" ? "Nothing failed in this window." : "Nothing failed."}>
              <p>Groups of failures follow a run within 5 seconds.</p>
            </Empty>
          ) : (
            <ExpandingList
              label="Groups of failures"
              rows={rows}
              rowKey={({ fingerprint }) => fingerprint}
              summary={(group) => <FailureHead group={group} />}
              details={(group) => <FailureDetail projectId={projectId} group={group} />}
              more={failures}
              onReading={setReading}
            />
          )
        }
      </QueryView>
    </Page>
  );
}
