import { Link } from "wouter";
import { type Run, RunState } from "../../../../gen/tally/v1/run_pb.js";
import { shortCommit } from "../../format/commit.js";
import { displayText } from "../../format/display-text.js";
import { formatDuration, millisOf } from "../../format/times.js";
import { paths } from "../../routes.js";
import { Ago, OutsideLink, Took } from "../../ui/texts.js";
import { useNow } from "../../ui/use-now.js";

/** Where the run came from, and when. */
export function RunFacts({ projectId, run }: { readonly projectId: string; readonly run: Run }) {
  const { branch = "", baseBranch = "", commitSha = "", changeId = "" } = run.source ?? {};
  const { provider = "", pipeline = "", buildId = "", buildUrl = "" } = run.ci ?? {};
  const build = [provider, pipeline, buildId].filter(Boolean).join(" · ");
  const labels = Object.entries(run.labels);
  return (
    <dl className="run-facts">
      <Fact name="Branch">
        {branch === "" ? (
          "–"
        ) : (
          <Link href={paths.runs(projectId, { branch })}>
            <bdi>{displayText(branch, 200)}</bdi>
          </Link>
        )}
        {baseBranch !== "" && <bdi className="soft"> into {displayText(baseBranch, 200)}</bdi>}
      </Fact>
      <Fact name="Commit">
        {commitSha === "" ? (
          "–"
        ) : (
          <Link href={paths.runs(projectId, { commit: commitSha })} title={displayText(commitSha)}>
            <span className="mono">{shortCommit(commitSha)}</span>
          </Link>
        )}
        {run.source?.dirty && <span className="soft"> with changes</span>}
      </Fact>
      {changeId !== "" && (
        <Fact name="Change">
          <bdi>{displayText(changeId, 200)}</bdi>
        </Fact>
      )}
      {(build !== "" || buildUrl !== "") && (
        <Fact name="Build">
          {buildUrl === "" ? (
            <bdi>{displayText(build, 200)}</bdi>
          ) : (
            <OutsideLink address={buildUrl} text={build || buildUrl} />
          )}
        </Fact>
      )}
      {run.framework !== "" && (
        <Fact name="Framework">
          <bdi>{displayText(run.framework, 100)}</bdi>
        </Fact>
      )}
      {labels.length > 0 && (
        <Fact name="Labels">
          <span className="run-labels">
            {labels.map(([key, value]) => (
              <Link key={key} href={paths.runs(projectId, { label: `${key}=${value}` })}>
                <bdi>{displayText(`${key}=${value}`, 100)}</bdi>
              </Link>
            ))}
          </span>
        </Fact>
      )}
      <Fact name="Started">
        <Ago time={run.startTime} />
      </Fact>
      <Fact name="Took">
        <RunTime run={run} />
      </Fact>
    </dl>
  );
}

/** How long it took, or goes on. */
function RunTime({ run }: { readonly run: Run }) {
  const now = useNow();
  const start = millisOf(run.startTime);
  if (run.state !== RunState.RUNNING || start === undefined)
    return <Took duration={run.duration} />;
  return <span className="number">{formatDuration(Math.max(0, now - start))} so far</span>;
}

function Fact({ name, children }: { readonly name: string; readonly children: React.ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
