import { useQuery } from "@connectrpc/connect-query";
import { Link } from "wouter";
import { type Run, RunState } from "../../../../gen/tally/v1/run_pb.js";
import {
  type CompareRunsResponse,
  StatsService,
} from "../../../../gen/tally/v1/stats_service_pb.js";
import { displayText } from "../../format/display-text.js";
import { formatCount } from "../../format/numbers.js";
import { paths } from "../../routes.js";
import { errorText } from "../../ui/error-text.js";
import { Ago } from "../../ui/texts.js";
import { usePreviousRun } from "./use-previous-run.js";

/** What changed since the run before, in counts; of a run that goes on it would say too little. */
export function PreviousRun({ projectId, run }: { readonly projectId: string; readonly run: Run }) {
  return (
    <section className="card run-previous" aria-label="Compared with the run before">
      {run.state === RunState.RUNNING ? (
        <p className="soft">
          What changed since the run before is told when this one has finished.
        </p>
      ) : (
        <Changes projectId={projectId} run={run} />
      )}
    </section>
  );
}

function Changes({ projectId, run }: { readonly projectId: string; readonly run: Run }) {
  const { previous, isKnown } = usePreviousRun(projectId, run);
  const { data, error } = useQuery(
    StatsService.method.compareRuns,
    { projectId, baseRunId: previous?.runId ?? "", headRunId: run.runId, listSize: 1 },
    { enabled: previous !== undefined },
  );
  if (previous === undefined) {
    return isKnown ? <NoPrevious projectId={projectId} run={run} /> : <p className="soft">…</p>;
  }
  const runs = { base: previous.runId, head: run.runId };
  return (
    <>
      <p>
        Since{" "}
        <Link href={paths.run(projectId, previous.runId)}>
          <bdi>{displayText(previous.runId, 80)}</bdi>
        </Link>{" "}
        <span className="soft">
          on <bdi>{displayText(previous.source?.branch ?? "", 80)}</bdi>,{" "}
          <Ago time={previous.startTime} />
        </span>
      </p>
      {error !== null && <p className="soft">{errorText(error)}</p>}
      <ul className="run-changes">
        {changes(data).map(({ list, text, count, isBad }) => (
          <li key={list}>
            <Link href={paths.compare(projectId, { ...runs, list })}>
              <b className={isBad && count !== undefined && count > 0n ? "text-failed" : undefined}>
                {count === undefined ? "…" : formatCount(count)}
              </b>
              <span className="soft small">{text}</span>
            </Link>
          </li>
        ))}
      </ul>
    </>
  );
}

function NoPrevious({ projectId, run }: { readonly projectId: string; readonly run: Run }) {
  return (
    <p className="soft">
      {run.source?.branch
        ? "No finished run before this one on its branch."
        : "This run names no branch, so that none is known to be before it."}{" "}
      <Link href={paths.compare(projectId, { head: run.runId })}>Compare it with another run</Link>
    </p>
  );
}

function changes(data: CompareRunsResponse | undefined) {
  const addedFailing = data?.addedFailingCount ?? 0n;
  return [
    { list: "newly-failing", text: "newly failing", count: data?.newlyFailing?.count, isBad: true },
    { list: "fixed", text: "fixed", count: data?.fixed?.count, isBad: false },
    {
      list: "still-failing",
      text: "still failing",
      count: data?.stillFailing?.count,
      isBad: false,
    },
    {
      list: "added",
      text: addedFailing > 0n ? `added, ${formatCount(addedFailing)} failing` : "added",
      count: data?.added?.count,
      isBad: addedFailing > 0n,
    },
    { list: "missing", text: "missing", count: data?.missing?.count, isBad: false },
    { list: "slower", text: "slower", count: data?.slower?.count, isBad: false },
  ];
}
