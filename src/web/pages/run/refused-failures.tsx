import { Link } from "wouter";
import type { Run } from "../../../../gen/tally/v1/run_pb.js";
import { plural } from "../../format/numbers.js";
import { paths } from "../../routes.js";

/** Leads to what failed and was refused, if anything was: lists of stored results lack it, and the run fails by it. */
export function RefusedFailures({
  projectId,
  run: { runId, totals },
}: {
  readonly projectId: string;
  readonly run: Run;
}) {
  const count = totals?.rejectedFailureCount ?? 0n;
  if (count === 0n) return null;
  return (
    <Link className="text-failed" href={paths.rejections(projectId, { run: runId })}>
      {plural(count, "failure was refused", "failures were refused")}
    </Link>
  );
}
