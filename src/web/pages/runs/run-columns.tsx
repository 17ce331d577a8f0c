/** The columns of the list of runs. */
import { Link } from "wouter";
import type { Run, RunTotals } from "../../../../gen/tally/v1/run_pb.js";
import { shortCommit } from "../../format/commit.js";
import { displayText } from "../../format/display-text.js";
import { formatCount } from "../../format/numbers.js";
import { paths } from "../../routes.js";
import type { Column } from "../../ui/data-table.js";
import { ResultBar } from "../../ui/result-bar.js";
import { RunBadges } from "../../ui/run-badges.js";
import { Ago, Line, OutsideLink, Took } from "../../ui/texts.js";

/** The runs that were picked to be compared. */
export interface Picking {
  readonly picked: readonly string[];
  toggle(runId: string): void;
}

/** One row is one run. */
export function runColumns(projectId: string, { picked, toggle }: Picking): readonly Column<Run>[] {
  return [
    {
      key: "run",
      title: "Run",
      width: "minmax(0, 1.2fr)",
      cell: (run) => <RunCell projectId={projectId} run={run} />,
    },
    {
      key: "status",
      title: "Status",
      width: "140px",
      cell: (run) => (
        <span className="run-status">
          <RunBadges run={run} />
          <ResultBar counts={run.totals} />
        </span>
      ),
    },
    {
      key: "branch",
      title: "Branch",
      width: "minmax(0, 1fr)",
      wideOnly: true,
      cell: (run) => <SourceCell run={run} />,
    },
    count("passed", "Passed", (totals) => totals.passedCount),
    count("failed", "Failed", (totals) => totals.failedCount, "text-failed"),
    count("errored", "Errored", (totals) => totals.erroredCount, "text-errored"),
    count("skipped", "Skipped", (totals) => totals.skippedCount + totals.precludedCount),
    {
      key: "started",
      title: "Started",
      width: "80px",
      align: "end",
      wideOnly: true,
      cell: (run) => (
        <>
          <Ago time={run.startTime} />
          <span className="line soft small">
            <Took duration={run.duration} />
          </span>
        </>
      ),
    },
    {
      key: "pick",
      title: "Compare",
      width: "56px",
      align: "end",
      wideOnly: true,
      cell: ({ runId }) => (
        <input
          type="checkbox"
          aria-label={`Compare ${displayText(runId, 80)}`}
          checked={picked.includes(runId)}
          onChange={() => toggle(runId)}
        />
      ),
    },
  ];
}

function count(
  key: string,
  title: string,
  of: (totals: RunTotals) => bigint,
  tone = "",
): Column<Run> {
  return {
    key,
    title,
    width: "54px",
    align: "end",
    wideOnly: true,
    cell: ({ totals }) => {
      const value = totals === undefined ? 0n : of(totals);
      return <span className={value === 0n ? "soft" : tone}>{formatCount(value)}</span>;
    },
  };
}

function RunCell({ projectId, run }: { readonly projectId: string; readonly run: Run }) {
  const { provider = "", pipeline = "", buildUrl = "" } = run.ci ?? {};
  const build = [provider, pipeline].filter(Boolean).join(" · ");
  return (
    <>
      <Link href={paths.run(projectId, run.runId)} className="run-link">
        <Line text={run.runId} />
      </Link>
      <span className="line soft small narrow-only">
        <Ago time={run.startTime} /> · <bdi>{displayText(run.source?.branch ?? "", 80)}</bdi>
      </span>
      <span className="line soft small wide-only">
        {buildUrl === "" ? (
          <bdi>{displayText(build || run.framework, 80)}</bdi>
        ) : (
          <OutsideLink address={buildUrl} text={build || "Build"} />
        )}
      </span>
    </>
  );
}

function SourceCell({ run: { source } }: { readonly run: Run }) {
  const { branch = "", commitSha = "", changeId = "", dirty = false } = source ?? {};
  return (
    <>
      <Line text={branch || "–"} />
      <span className="line soft small">
        <span className="mono" title={displayText(commitSha)}>
          {shortCommit(commitSha)}
        </span>
        {dirty && " + changes"}
        {changeId !== "" && <bdi> · change {displayText(changeId, 40)}</bdi>}
      </span>
    </>
  );
}
