/** The newest runs, as they happen. */
import { Link } from "wouter";
import { type Run, RunState } from "../../../../gen/tally/v1/run_pb.js";
import { displayText } from "../../format/display-text.js";
import { formatCount } from "../../format/numbers.js";
import { LiveMark } from "../../live/live-mark.js";
import { paths } from "../../routes.js";
import { RunStateBadge, StatusBadge } from "../../ui/badges.js";
import { Section } from "../../ui/page.js";
import { type Asked, Empty, QueryView } from "../../ui/query-view.js";
import { Ago, Line } from "../../ui/texts.js";

/** The first of `runs`: those that `query` has answered, as they are now. */
export function NewestRuns({
  projectId,
  query,
  runs,
  branch,
  isLive,
}: {
  readonly projectId: string;
  readonly query: Asked<unknown>;
  readonly runs: readonly Run[];
  readonly branch: string;
  readonly isLive: boolean;
}) {
  return (
    <Section
      title="Newest runs"
      note={<LiveMark isLive={isLive} />}
      actions={<Link href={paths.runs(projectId, { branch })}>All runs</Link>}
    >
      <div className="overview-list">
        <QueryView query={query} rows={MAX_ROWS}>
          {() =>
            runs.length === 0 ? (
              <Empty title="This branch has no runs.">
                <p>Choose another branch, or leave it empty for all.</p>
              </Empty>
            ) : (
              <ul className="rows rows-card">
                {runs.slice(0, MAX_ROWS).map((run) => (
                  <RunRow key={run.runId} projectId={projectId} run={run} />
                ))}
              </ul>
            )
          }
        </QueryView>
      </div>
    </Section>
  );
}

const MAX_ROWS = 7;

function RunRow({ projectId, run }: { readonly projectId: string; readonly run: Run }) {
  const { totals, source } = run;
  const failed = (totals?.failedCount ?? 0n) + (totals?.erroredCount ?? 0n);
  return (
    <li className="row-of-run">
      {run.state === RunState.FINISHED ? (
        <StatusBadge status={run.status} />
      ) : (
        <RunStateBadge state={run.state} />
      )}
      <Link href={paths.run(projectId, run.runId)} className="test-label">
        <Line text={run.runId} />
        <span className="line soft small">
          {source?.branch ? <bdi>{displayText(source.branch, 80)}</bdi> : "no branch"}
        </span>
      </Link>
      <span className="align-end small">
        <span className="line">
          {formatCount(totals?.resultCount ?? 0n)}
          {failed > 0n && <span className="tone-failed">, {formatCount(failed)} failed</span>}
        </span>
        <span className="line soft">
          <Ago time={run.startTime} />
        </span>
      </span>
    </li>
  );
}
