import { Link } from "wouter";
import type { ReplayResult } from "../../../../gen/tally/v1/rejection_service_pb.js";
import { paths } from "../../routes.js";
import { Callout } from "../../ui/callout.js";
import { Violations } from "../../ui/violations.js";
import type { ProjectPageProps } from "../project-page.js";
import { isRefused, outcomeText } from "./replay-words.js";

/** An answer to a replay, or to a check of one. */
export interface Answer {
  readonly result: ReplayResult;
  readonly validateOnly: boolean;
}

/** What became of a replay, or would. */
export function ReplayAnswer({
  projectId,
  answer: { result, validateOnly },
}: ProjectPageProps & { readonly answer: Answer }) {
  const { outcome, fieldViolations, newRejectionId, rejectionId } = result;
  return (
    <Callout tone={isRefused(outcome) ? "failed" : "passed"}>
      <div className="stack">
        <p>{outcomeText(outcome, validateOnly)}</p>
        {fieldViolations.length > 0 && <Violations violations={fieldViolations} />}
        {newRejectionId !== "" && newRejectionId !== rejectionId && (
          <Link href={paths.rejections(projectId, { id: newRejectionId })}>
            See the refused replacement
          </Link>
        )}
      </div>
    </Callout>
  );
}
