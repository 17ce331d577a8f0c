import { Link } from "wouter";
import { Status } from "../../../../gen/tally/v1/run_pb.js";
import type { StoredResult } from "../../../../gen/tally/v1/stats_pb.js";
import { shortCommit } from "../../format/commit.js";
import { displayText } from "../../format/display-text.js";
import { paths } from "../../routes.js";
import { Badge, StatusBadge } from "../../ui/badges.js";
import type { Column } from "../../ui/data-table.js";
import { Ago, Line, Took } from "../../ui/texts.js";

/** The columns of the results of a test. */
export function resultColumns(projectId: string): readonly Column<StoredResult>[] {
  return [
    {
      key: "run",
      title: "Run",
      width: "minmax(0, 1fr)",
      cell: ({ runId, branch, commitSha }) => (
        <Link href={paths.run(projectId, runId)}>
          <span className="test-label">
            <Line text={runId} />
            <bdi className="line soft small">
              {[displayText(branch, 80), shortCommit(commitSha)].filter(Boolean).join(" › ")}
            </bdi>
          </span>
        </Link>
      ),
    },
    {
      key: "status",
      title: "Status",
      width: "minmax(84px, 0.8fr)",
      cell: (stored) => <Outcome stored={stored} />,
    },
    {
      key: "message",
      title: "Message",
      width: "minmax(0, 2fr)",
      wideOnly: true,
      cell: ({ result }) => (
        <span className="small soft">
          <Line
            text={(result?.failure?.message || result?.skipReason || "").split("\n", 1)[0] ?? ""}
          />
        </span>
      ),
    },
    {
      key: "duration",
      title: "Duration",
      width: "76px",
      align: "end",
      cell: ({ result }) => <Took duration={result?.duration} />,
    },
    {
      key: "started",
      title: "Run began",
      width: "84px",
      align: "end",
      wideOnly: true,
      cell: ({ runStartTime }) => <Ago time={runStartTime} />,
    },
  ];
}

function Outcome({ stored: { result, flaky, late, part } }: { readonly stored: StoredResult }) {
  const attempt = result?.attempt ?? 0;
  return (
    <span className="outcome">
      <StatusBadge status={result?.status ?? Status.UNSPECIFIED} />
      {flaky && <Badge tone="flaky">Flaky</Badge>}
      {late && (
        <span title="It came after its part had finished.">
          <Badge tone="warned">Late</Badge>
        </span>
      )}
      {attempt > 1 && <span className="soft small">attempt {attempt}</span>}
      {(part?.attempt ?? 1) > 1 && <span className="soft small">re-run {part?.attempt}</span>}
    </span>
  );
}
