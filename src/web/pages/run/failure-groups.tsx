import { Link } from "wouter";
import type { FailureGroup } from "../../../../gen/tally/v1/stats_pb.js";
import { displayText } from "../../format/display-text.js";
import { plural } from "../../format/numbers.js";
import { testName } from "../../format/test-name.js";
import { paths } from "../../routes.js";
import { Badge } from "../../ui/badges.js";
import { ExpandingList } from "../../ui/expanding-list.js";
import { Empty, QueryView } from "../../ui/query-view.js";
import { Block } from "../../ui/texts.js";
import type { useFailureGroups } from "./use-failure-groups.js";

/** What failed alike in a run, most failures first. */
export function FailureGroups({
  projectId,
  runId,
  failingCount,
  query,
}: {
  readonly projectId: string;
  readonly runId: string;
  readonly failingCount: bigint;
  readonly query: ReturnType<typeof useFailureGroups>;
}) {
  if (failingCount === 0n) return <Empty title="Nothing failed." />;
  return (
    <QueryView query={query} rows={4}>
      {({ groups }) =>
        groups.length === 0 ? (
          <Empty title="No failure groups.">
            <p>They follow the results within seconds, and leave with them.</p>
          </Empty>
        ) : (
          <ExpandingList
            label="Failure groups"
            rows={groups}
            rowKey={({ fingerprint }) => fingerprint}
            summary={(group) => <GroupLine group={group} runId={runId} />}
            details={(group) => <GroupExample projectId={projectId} group={group} />}
            more={query}
          />
        )
      }
    </QueryView>
  );
}

function GroupLine({ group, runId }: { readonly group: FailureGroup; readonly runId: string }) {
  const { maskedMessage, kind, type, failureCount, testCount } = group;
  return (
    <span className="group-line">
      <span className="group-line-counts">
        <b>{plural(failureCount, "failure")}</b>
        <span className="soft small">{plural(testCount, "test")}</span>
      </span>
      <span className="group-line-message">
        <bdi className="line">{displayText(maskedMessage, 400) || "No message"}</bdi>
        <bdi className="line soft small">
          {displayText([type, kind].filter(Boolean).join(" · "), 300)}
        </bdi>
      </span>
      {group.probableOutageRunIds.includes(runId) && <Badge tone="warned">Probable outage</Badge>}
    </span>
  );
}

/** The first of the group in full words. */
function GroupExample({
  projectId,
  group: { first },
}: {
  readonly projectId: string;
  readonly group: FailureGroup;
}) {
  if (first === undefined) return null;
  return (
    <>
      <p>
        First in{" "}
        <Link href={paths.test(projectId, first.testId)}>
          <bdi>{testName(first.test)}</bdi>
        </Link>
      </p>
      <Block label="Message" text={first.message || "The message has left with its results."} />
    </>
  );
}
