import { Link } from "wouter";
import { RejectionKind, RejectionReason } from "../../../../gen/tally/v1/rejection_pb.js";
import type { OpenRejections } from "../../../../gen/tally/v1/stats_service_pb.js";
import { formatCount } from "../../format/numbers.js";
import { paths } from "../../routes.js";
import { kindWords, nameOf, reasonWords } from "../../ui/rejection-words.js";
import type { ProjectPageProps } from "../project-page.js";

/** Open rejections by kind and reason, each a link to their list. */
export function OpenRejectionList({
  projectId,
  open,
}: ProjectPageProps & { readonly open: readonly OpenRejections[] }) {
  if (open.length === 0) return <p className="soft">There are none: all that came was taken.</p>;
  return (
    <ul className="open-rejections">
      {open.map(({ kind, reason, count }) => (
        <li key={`${kind} ${reason}`}>
          <Link
            className="card stat"
            href={paths.rejections(projectId, {
              kind: nameOf(RejectionKind, kind),
              reason: nameOf(RejectionReason, reason),
            })}
          >
            <span className="soft small">{kindWords[kind]}</span>
            <strong>{reasonWords[reason]}</strong>
            <span className="stat-value">{formatCount(count)}</span>
          </Link>
        </li>
      ))}
    </ul>
  );
}
