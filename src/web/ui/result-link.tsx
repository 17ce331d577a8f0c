import { Link } from "wouter";
import type { ResultRef } from "../../../gen/tally/v1/stats_pb.js";
import { displayText } from "../format/display-text.js";
import { paths } from "../routes.js";
import { Ago } from "./texts.js";

/** A result by its run, with its attempt; `isSameRun` if the run was just named. */
export function ResultLink({
  projectId,
  result,
  isSameRun = false,
}: {
  readonly projectId: string;
  readonly result: ResultRef | undefined;
  readonly isSameRun?: boolean;
}) {
  if (result === undefined) return <span className="soft">unknown</span>;
  return (
    <span className="result-link">
      <Link href={paths.run(projectId, result.runId)}>
        <bdi>{isSameRun ? "same run" : displayText(result.runId, 60)}</bdi>
      </Link>
      <span className="soft">
        {result.attempt > 1 || isSameRun ? `, attempt ${result.attempt}` : ""}
        {!isSameRun && (
          <>
            , <Ago time={result.runStartTime} />
          </>
        )}
      </span>
    </span>
  );
}
