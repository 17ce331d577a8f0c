import { useQuery } from "@connectrpc/connect-query";
import { useId } from "react";
import { Link } from "wouter";
import type { Run } from "../../../../gen/tally/v1/run_pb.js";
import { StatsService } from "../../../../gen/tally/v1/stats_service_pb.js";
import { shortCommit } from "../../format/commit.js";
import { displayText } from "../../format/display-text.js";
import { formatAgo, millisOf } from "../../format/times.js";
import { paths } from "../../routes.js";
import { statusWords } from "../../ui/badges.js";
import { errorText } from "../../ui/error-text.js";
import { ResultBar } from "../../ui/result-bar.js";
import { RunBadges } from "../../ui/run-badges.js";
import { TextFilter } from "../../ui/text-filter.js";
import { Ago } from "../../ui/texts.js";
import { useNow } from "../../ui/use-now.js";

/** One side of the comparison: a recent run, or any other by its id. */
export function RunPicker({
  side,
  projectId,
  runId,
  runs,
  onPick,
}: {
  readonly side: "Base" | "Head";
  readonly projectId: string;
  readonly runId: string;
  readonly runs: readonly Run[];
  onPick(runId: string): void;
}) {
  const id = useId();
  const now = useNow();
  const isRecent = runs.some((run) => run.runId === runId);
  return (
    <section className="card run-picker" aria-label={`${side} run`}>
      <div className="run-picker-controls">
        <label htmlFor={id}>
          <b>{side}</b>
        </label>
        <select id={id} value={runId} onChange={(event) => onPick(event.target.value)}>
          {!isRecent && (
            <option value={runId}>{runId === "" ? "Choose a run" : displayText(runId, 80)}</option>
          )}
          {runs.map((run) => (
            <option key={run.runId} value={run.runId}>
              {optionText(run, now)}
            </option>
          ))}
        </select>
        <TextFilter label="or run id" value={isRecent ? "" : runId} onFilter={onPick} />
      </div>
      <div className="run-picker-run">
        {runId !== "" && <PickedRun key={runId} projectId={projectId} runId={runId} runs={runs} />}
      </div>
    </section>
  );
}

/** How the run stands: known from the recent ones, or asked for. */
function PickedRun({
  projectId,
  runId,
  runs,
}: {
  readonly projectId: string;
  readonly runId: string;
  readonly runs: readonly Run[];
}) {
  const recent = runs.find((run) => run.runId === runId);
  const { data, error } = useQuery(
    StatsService.method.getRun,
    { projectId, runId },
    { enabled: recent === undefined },
  );
  const run = recent ?? data?.run;
  if (run === undefined) {
    return <p className="soft">{error === null ? "…" : errorText(error)}</p>;
  }
  const { branch = "", commitSha = "" } = run.source ?? {};
  return (
    <>
      <RunBadges run={run} />
      <Link href={paths.run(projectId, runId)} className="line">
        <bdi>{displayText(runId, 200)}</bdi>
      </Link>
      <span className="line soft small">
        <bdi>{displayText(branch, 100)}</bdi> <span className="mono">{shortCommit(commitSha)}</span>{" "}
        <Ago time={run.startTime} />
      </span>
      <ResultBar counts={run.totals} />
    </>
  );
}

function optionText({ runId, status, startTime }: Run, now: number): string {
  const at = millisOf(startTime);
  const parts = [
    displayText(runId, 60),
    statusWords[status].text,
    at === undefined ? "" : formatAgo(at, now),
  ];
  return parts.filter(Boolean).join(" · ");
}
