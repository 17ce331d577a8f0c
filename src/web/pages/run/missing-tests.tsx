import { Link } from "wouter";
import type { MissingTest } from "../../../../gen/tally/v1/stats_service_pb.js";
import { formatCount } from "../../format/numbers.js";
import { paths } from "../../routes.js";
import { type Column, DataTable } from "../../ui/data-table.js";
import { Empty } from "../../ui/query-view.js";
import { Line, TestLabel } from "../../ui/texts.js";

/** Tests that the run should have had; `count` of them, the first 100 are known by name. */
export function MissingTests({
  projectId,
  tests,
  count,
}: {
  readonly projectId: string;
  readonly tests: readonly MissingTest[];
  readonly count: bigint;
}) {
  if (count === 0n) {
    return (
      <Empty title="No test is missing.">
        <p>
          A test is missing if a job had it in at least 3 of the last 5 finished runs of the branch,
          and has finished here without it.
        </p>
      </Empty>
    );
  }
  return (
    <>
      {count > BigInt(tests.length) && (
        <p className="soft">
          The first {tests.length} of {formatCount(count)}.
        </p>
      )}
      <DataTable
        label="Missing tests"
        rows={tests}
        rowKey={({ testId, job }) => `${testId} ${job}`}
        columns={columns(projectId)}
      />
    </>
  );
}

function columns(projectId: string): readonly Column<MissingTest>[] {
  return [
    {
      key: "test",
      title: "Test",
      width: "minmax(0, 2fr)",
      cell: ({ testId, test }) => (
        <Link href={paths.test(projectId, testId)}>
          <TestLabel test={test} />
        </Link>
      ),
    },
    {
      key: "job",
      title: "Job",
      width: "minmax(0, 1fr)",
      wideOnly: true,
      cell: ({ job }) => <Line text={job || "–"} />,
    },
    {
      key: "last",
      title: "Last seen in",
      width: "minmax(0, 1fr)",
      cell: ({ lastRunId }) => (
        <Link href={paths.run(projectId, lastRunId)}>
          <Line text={lastRunId} />
        </Link>
      ),
    },
  ];
}
