import { Link } from "wouter";
import type { Rejection } from "../../../../gen/tally/v1/rejection_pb.js";
import { formatCount } from "../../format/numbers.js";
import type { Column } from "../../ui/data-table.js";
import { kindWords } from "../../ui/rejection-words.js";
import { Ago, Line } from "../../ui/texts.js";
import { ReasonBadge, RejectionStateBadge } from "./rejection-badges.js";

/** The columns of a list of rejections; `hrefOf` is where one is shown. */
export function rejectionColumns(
  hrefOf: (rejectionId: string) => string,
): readonly Column<Rejection>[] {
  return [
    {
      key: "why",
      title: "What is wrong",
      width: "minmax(0, 2fr)",
      cell: (rejection) => (
        <Link href={hrefOf(rejection.rejectionId)} className="test-label">
          <Line text={whyText(rejection)} />
          <span className="soft small">
            <Line text={`${kindWords[rejection.kind]} ${rejection.resultId || rejection.runId}`} />
          </span>
        </Link>
      ),
    },
    {
      key: "reason",
      title: "Reason",
      width: "minmax(96px, 0.6fr)",
      cell: ({ reason }) => <ReasonBadge reason={reason} />,
    },
    {
      key: "client",
      title: "From",
      width: "minmax(0, 0.9fr)",
      wideOnly: true,
      cell: ({ client, runId }) => (
        <span className="test-label">
          <Line text={client || "not readable"} />
          <span className="soft small">
            <Line text={runId} />
          </span>
        </span>
      ),
    },
    {
      key: "state",
      title: "State",
      width: "90px",
      wideOnly: true,
      cell: ({ state }) => <RejectionStateBadge state={state} />,
    },
    {
      key: "repeats",
      title: "Times",
      width: "60px",
      align: "end",
      wideOnly: true,
      cell: ({ repeatCount }) => formatCount(repeatCount),
    },
    {
      key: "created",
      title: "Refused",
      width: "92px",
      wideOnly: true,
      cell: ({ createTime }) => <Ago time={createTime} />,
    },
  ];
}

/** The first violation, and how many more there are. */
function whyText({ fieldViolations }: Rejection): string {
  const [first] = fieldViolations;
  if (first === undefined) return "No field is named";
  const more = fieldViolations.length > 1 ? ` (and ${fieldViolations.length - 1} more)` : "";
  return `${first.field}: ${first.description}${more}`;
}
