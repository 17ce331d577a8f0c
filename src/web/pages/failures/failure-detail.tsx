import { Link } from "wouter";
import type { FailureExample, FailureGroup } from "../../../../gen/tally/v1/stats_pb.js";
import { displayText } from "../../format/display-text.js";
import { testName } from "../../format/test-name.js";
import { paths } from "../../routes.js";
import { Callout } from "../../ui/callout.js";
import { ResultLink } from "../../ui/result-link.js";
import { Block } from "../../ui/texts.js";

/** Where a group was seen first and last, what it said, and where it looks like an outage. */
export function FailureDetail({
  projectId,
  group: { first, last, probableOutageRunIds, fingerprint },
}: {
  readonly projectId: string;
  readonly group: FailureGroup;
}) {
  return (
    <>
      {probableOutageRunIds.length > 0 && (
        <Callout tone="warned">
          <p className="outage-runs">
            So many results of a run failed alike that an outage is more probable than broken tests:{" "}
            {probableOutageRunIds.map((runId, index) => (
              <span key={runId}>
                {index > 0 && ", "}
                <Link href={paths.run(projectId, runId)}>
                  <bdi>{displayText(runId, 60)}</bdi>
                </Link>
              </span>
            ))}
          </p>
        </Callout>
      )}
      <dl className="facts">
        <Seen projectId={projectId} name="Last" example={last} />
        <Seen projectId={projectId} name="First" example={first} />
        <dt>Fingerprint</dt>
        <dd className="mono">{fingerprint}</dd>
      </dl>
      {last !== undefined &&
        (last.message === "" ? (
          <p className="soft small">
            What it said last is not kept: no message, or its run's rows have left.
          </p>
        ) : (
          <Block label="Message of the last failure" text={last.message} />
        ))}
    </>
  );
}

function Seen({
  projectId,
  name,
  example,
}: {
  readonly projectId: string;
  readonly name: string;
  readonly example: FailureExample | undefined;
}) {
  if (example === undefined) return null;
  return (
    <>
      <dt>{name}</dt>
      <dd>
        <Link href={paths.test(projectId, example.testId)}>
          <bdi>{testName(example.test)}</bdi>
        </Link>{" "}
        in <ResultLink projectId={projectId} result={example.result} />
      </dd>
    </>
  );
}
