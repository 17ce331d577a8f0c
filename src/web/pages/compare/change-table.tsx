import { Link } from "wouter";
import { Status } from "../../../../gen/tally/v1/run_pb.js";
import type { TestChange } from "../../../../gen/tally/v1/stats_pb.js";
import { durationMs, formatDuration } from "../../format/times.js";
import { paths } from "../../routes.js";
import { StatusBadge, statusWords } from "../../ui/badges.js";
import { type Column, DataTable } from "../../ui/data-table.js";
import { Line, TestLabel, Took } from "../../ui/texts.js";

/** Tests with what they were in base and are in head. */
export function ChangeTable({
  projectId,
  label,
  changes,
}: {
  readonly projectId: string;
  readonly label: string;
  readonly changes: readonly TestChange[];
}) {
  return (
    <DataTable
      label={label}
      rows={changes}
      rowKey={({ testId }) => testId}
      columns={columns(projectId)}
      rowHeight={64 / 15}
    />
  );
}

function columns(projectId: string): readonly Column<TestChange>[] {
  return [
    {
      key: "test",
      title: "Test",
      width: "minmax(0, 3fr)",
      cell: (change) => (
        <>
          <Link href={paths.test(projectId, change.testId)}>
            <TestLabel test={change.test} />
          </Link>
          <span className="line soft small narrow-only">{inWords(change)}</span>
        </>
      ),
    },
    {
      key: "base",
      title: "Base",
      width: "92px",
      wideOnly: true,
      cell: ({ baseStatus, baseDuration }) => <Side status={baseStatus} duration={baseDuration} />,
    },
    {
      key: "head",
      title: "Head",
      width: "92px",
      wideOnly: true,
      cell: ({ headStatus, headDuration }) => <Side status={headStatus} duration={headDuration} />,
    },
    {
      key: "factor",
      title: "Time",
      width: "60px",
      align: "end",
      wideOnly: true,
      cell: (change) => <span className="soft">{factor(change)}</span>,
    },
    {
      key: "message",
      title: "Failure in head",
      width: "minmax(0, 2fr)",
      wideOnly: true,
      cell: ({ failureMessage }) =>
        failureMessage === "" ? <span className="soft">–</span> : <Line text={failureMessage} />,
    },
  ];
}

function Side({
  status,
  duration,
}: {
  readonly status: Status;
  readonly duration: TestChange["baseDuration"];
}) {
  if (status === Status.UNSPECIFIED) return <span className="soft">–</span>;
  return (
    <span className="change-side">
      <StatusBadge status={status} />
      <span className="soft small">
        <Took duration={duration} />
      </span>
    </span>
  );
}

/** `Passed 8 ms → Failed 9 ms`, where there is no room for columns. */
function inWords({ baseStatus, baseDuration, headStatus, headDuration }: TestChange): string {
  const side = (status: Status, duration: TestChange["baseDuration"]) => {
    if (status === Status.UNSPECIFIED) return "–";
    const ms = durationMs(duration);
    const { text } = statusWords[status];
    return ms === undefined ? text : `${text} ${formatDuration(ms)}`;
  };
  return `${side(baseStatus, baseDuration)} → ${side(headStatus, headDuration)}`;
}

/** How many times as long it takes now: `× 1.6`. */
function factor({ baseDuration, headDuration }: TestChange): string {
  const before = durationMs(baseDuration);
  const after = durationMs(headDuration);
  return before === undefined || after === undefined || before === 0
    ? "–"
    : `× ${(after / before).toFixed(1)}`;
}
