import { Link } from "wouter";
import { type Rejection, RejectionKind } from "../../../../gen/tally/v1/rejection_pb.js";
import { formatCount } from "../../format/numbers.js";
import { paths } from "../../routes.js";
import { CopyButton } from "../../ui/copy-button.js";
import { Facts } from "../../ui/facts.js";
import { Line } from "../../ui/texts.js";
import { When } from "../../ui/when.js";
import type { ProjectPageProps } from "../project-page.js";

/** Where a refused item came from, and what became of it; what it has not is left out. */
export function RejectionFacts({
  projectId,
  rejection,
}: ProjectPageProps & { readonly rejection: Rejection }) {
  const { runId, resultId, part, client, kind } = rejection;
  return (
    <Facts
      facts={[
        ["From", client && <Line text={client} />],
        [
          "Run",
          runId && (
            <Link href={paths.run(projectId, runId)}>
              <Line text={runId} />
            </Link>
          ),
        ],
        ["Job", part?.job && <Line text={part.job} />],
        ["Shard", part && part.shardTotal > 0 && `${part.shardIndex} of ${part.shardTotal}`],
        ["Producer", part?.producer && <Line text={part.producer} />],
        kind === RejectionKind.EVENT
          ? ["Event id", resultId && <Line text={resultId} />]
          : ["Result id", resultId && <Line text={resultId} />],
        ["Idempotency key", rejection.idempotencyKey && <Line text={rejection.idempotencyKey} />],
        ["Position", formatCount(rejection.index)],
        ["First refused", rejection.createTime && <When time={rejection.createTime} />],
        ["Last refused", rejection.repeatCount > 1n && <When time={rejection.lastTime} />],
        ["Times refused", formatCount(rejection.repeatCount)],
        ["Closed", rejection.closeTime && <When time={rejection.closeTime} />],
        ["Closed by", rejection.closeTokenId && `token ${rejection.closeTokenId}`],
        ["Note", rejection.note && <Line text={rejection.note} />],
        [
          "Rejection id",
          <span key="id" className="row">
            <span className="mono">{rejection.rejectionId}</span>
            <CopyButton text={rejection.rejectionId} />
          </span>,
        ],
      ]}
    />
  );
}
