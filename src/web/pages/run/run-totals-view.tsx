import { Link } from "wouter";
import type { PartSummary, Run } from "../../../../gen/tally/v1/run_pb.js";
import { formatCount, plural } from "../../format/numbers.js";
import { paths } from "../../routes.js";
import { ResultBar } from "../../ui/result-bar.js";
import { RefusedFailures } from "./refused-failures.js";

/** How many results of each kind there are so far, and how far the run has come. */
export function RunTotalsView({
  projectId,
  run,
  parts,
  isTruncated,
  unseenCount,
}: {
  readonly projectId: string;
  readonly run: Run;
  readonly parts: readonly PartSummary[];
  /** There are more parts: how many have finished is not known. */
  readonly isTruncated: boolean;
  readonly unseenCount: number;
}) {
  const { runId, totals } = run;
  const finished = parts.filter(({ finishTime }) => finishTime !== undefined).length;
  const expected = parts.length + unseenCount;
  const missing = parts.reduce((sum, { missingCount }) => sum + missingCount, 0n);
  const rejected = totals?.rejectedCount ?? 0n;
  return (
    <section className="card run-totals" aria-label="Totals">
      <dl className="run-figures">
        <Figure name="Results" value={totals?.resultCount} />
        <Figure name="Passed" value={totals?.passedCount} />
        <Figure name="Failed" value={totals?.failedCount} tone="failed" />
        <Figure name="Errored" value={totals?.erroredCount} tone="errored" />
        <Figure name="Skipped" value={totals?.skippedCount} />
        <Figure name="Precluded" value={totals?.precludedCount} />
        <div>
          <dt>Parts finished</dt>
          <dd>
            {isTruncated ? (
              <span className="run-figure-of">of more than {parts.length}</span>
            ) : (
              <>
                {finished} <span className="run-figure-of">of {expected}</span>
              </>
            )}
          </dd>
        </div>
      </dl>
      <ResultBar counts={totals} />
      <p className="run-asides soft small">
        {missing > 0n && (
          <span className="text-failed">
            {plural(missing, "announced result")} neither stored nor refused
          </span>
        )}
        <span>{plural(totals?.duplicateCount ?? 0n, "duplicate")}</span>
        <span>{plural(totals?.conflictCount ?? 0n, "conflict")}</span>
        <span>{plural(totals?.lateCount ?? 0n, "late result")}</span>
        {rejected === 0n ? (
          <span>0 rejections</span>
        ) : (
          <Link href={paths.rejections(projectId, { run: runId })}>
            {plural(rejected, "rejection")}
          </Link>
        )}
        <RefusedFailures projectId={projectId} run={run} />
      </p>
    </section>
  );
}

function Figure({
  name,
  value = 0n,
  tone,
}: {
  readonly name: string;
  readonly value?: bigint | undefined;
  readonly tone?: "failed" | "errored";
}) {
  return (
    <div>
      <dt>{name}</dt>
      <dd className={tone !== undefined && value > 0n ? `text-${tone}` : undefined}>
        {formatCount(value)}
      </dd>
    </div>
  );
}
