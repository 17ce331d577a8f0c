/** What fails in the newest run, and what of it is news: what a team looks for first. */
import { useQuery } from "@connectrpc/connect-query";
import { Link } from "wouter";
import type { Run } from "../../../../gen/tally/v1/run_pb.js";
import { StatsService } from "../../../../gen/tally/v1/stats_service_pb.js";
import { displayText } from "../../format/display-text.js";
import { paths } from "../../routes.js";
import { Section } from "../../ui/page.js";
import { type Asked, Empty, QueryView } from "../../ui/query-view.js";
import { Ago } from "../../ui/texts.js";
import { FailingTests } from "./failing-tests.js";
import type { NewestRuns } from "./newest-ended.js";

/** `newest` is undefined until `query` has answered which runs there are, null where none has ended. */
export function WhatBroke({
  projectId,
  query,
  newest,
  branch,
}: {
  readonly projectId: string;
  readonly query: Asked<unknown>;
  readonly newest: NewestRuns | null | undefined;
  readonly branch: string;
}) {
  const { head, base } = newest ?? {};
  const compared = useQuery(
    StatsService.method.compareRuns,
    {
      projectId,
      baseRunId: base?.runId ?? "",
      headRunId: head?.runId ?? "",
      listSize: LIST_SIZE,
    },
    { enabled: head !== undefined },
  );
  return (
    <div className="what-broke">
      <Section
        title="What broke"
        note={head && <RunNote projectId={projectId} run={head} branch={branch} />}
        actions={
          head !== undefined &&
          head.runId !== base?.runId && (
            <Link href={paths.compare(projectId, { base: base?.runId, head: head.runId })}>
              Compare runs
            </Link>
          )
        }
      >
        <div className="overview-list">
          {newest === undefined && (
            <QueryView query={query} rows={MAX_ROWS}>
              {() => null}
            </QueryView>
          )}
          {newest === null && (
            <Empty title="No run has ended yet.">
              <p>What fails is shown here as soon as one has.</p>
            </Empty>
          )}
          {head && (
            <QueryView query={compared} rows={MAX_ROWS}>
              {(answer) => (
                <FailingTests projectId={projectId} compared={answer} maxRows={MAX_ROWS - 1} />
              )}
            </QueryView>
          )}
        </div>
      </Section>
    </div>
  );
}

const MAX_ROWS = 7;
/** More than are shown: of new tests, those that fail are among those that pass. */
const LIST_SIZE = 40;

function RunNote({
  projectId,
  run,
  branch,
}: {
  readonly projectId: string;
  readonly run: Run;
  readonly branch: string;
}) {
  return (
    <span className="run-note">
      in <Link href={paths.run(projectId, run.runId)}>{displayText(run.runId, 60)}</Link>,{" "}
      <Ago time={run.startTime} />, the newest{branch === "" ? "" : " of "}
      {branch !== "" && <bdi>{displayText(branch, 60)}</bdi>} that has ended
    </span>
  );
}
