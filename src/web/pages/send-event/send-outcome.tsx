/** What became of the event that was sent. */
import { Link } from "wouter";
import { EventOutcome, type IngestedEvent } from "../../../../gen/tally/v1/event_pb.js";
import { formatCount } from "../../format/numbers.js";
import { paths } from "../../routes.js";
import { Button } from "../../ui/button.js";
import { Callout } from "../../ui/callout.js";
import { errorText } from "../../ui/error-text.js";
import { Violations } from "../../ui/violations.js";
import { When } from "../../ui/when.js";
import { EventWarnings } from "../event/event-warnings.js";
import type { ProjectPageProps } from "../project-page.js";
import type { FieldProblem } from "./event-form.js";
import { QueuedEvent } from "./queued-event.js";
import type { Sent } from "./send-event.js";

/** The outcome in words, with the way on. `others` are the violations that no field shows. */
export function SendOutcome({
  projectId,
  sent,
  others,
  onAgain,
}: ProjectPageProps & {
  readonly sent: Sent;
  readonly others: readonly FieldProblem[];
  onAgain(): void;
}) {
  switch (sent.kind) {
    case "taken":
      return (
        <>
          <Taken projectId={projectId} event={sent.event} />
          {sent.event.warnings.length > 0 && (
            <section className="card stack" aria-label="Warnings">
              <p>It was taken with something to know:</p>
              <EventWarnings event={sent.event} />
            </section>
          )}
        </>
      );
    case "refused":
      return (
        <Callout tone="failed">
          <div className="stack">
            <p>
              <strong>Refused.</strong> Nothing was counted. The event is kept with all that is
              wrong with it
              {sent.repeatCount > 1 && `; it was refused ${formatCount(sent.repeatCount)} times`}.
            </p>
            {others.length > 0 && <Violations violations={others} />}
            <Link href={paths.rejections(projectId, { kind: "event", id: sent.rejectionId })}>
              See the kept rejection
            </Link>
          </div>
        </Callout>
      );
    case "simulated":
      return (
        <Callout tone="warned">
          <p>
            <strong>Simulated failure, {sent.fault}.</strong> {simulatedMeanings[sent.fault]} A
            client that is answered so sends the same again, and the event counts once.
          </p>
          <Button onClick={onAgain}>Send it again, without failure</Button>
        </Callout>
      );
    case "failed":
      return (
        <Callout tone="failed">
          <div className="stack">
            <p>{errorText(sent.error)}</p>
            {others.length > 0 && <Violations violations={others} />}
            <p>Nothing was acknowledged: it may be sent again, and counts once.</p>
            <Button onClick={onAgain}>Send it again</Button>
          </div>
        </Callout>
      );
  }
}

function Taken({ projectId, event }: ProjectPageProps & { readonly event: IngestedEvent }) {
  const link = (text: string) => <Link href={paths.event(projectId, event.eventId)}>{text}</Link>;
  switch (event.outcome) {
    case EventOutcome.DUPLICATE:
      return (
        <Callout tone="warned">
          <p>
            <strong>Duplicate detected.</strong> The same event was received{" "}
            <When time={event.firstTime} /> and counts once.
          </p>
          {link("See the first")}
        </Callout>
      );
    case EventOutcome.CONFLICT:
      return (
        <Callout tone="failed">
          <div className="stack">
            <p>
              <strong>Conflict.</strong> The idempotency key is stored with other content since{" "}
              <When time={event.firstTime} />. The first stays, this copy is kept as a rejection.
            </p>
            <Violations violations={event.fieldViolations} truncated={event.violationsTruncated} />
            <p className="row">
              {link("See the first")}
              <Link href={paths.rejections(projectId, { kind: "event", id: event.rejectionId })}>
                See the kept copy
              </Link>
            </p>
          </div>
        </Callout>
      );
    case EventOutcome.QUEUED:
      return <QueuedEvent projectId={projectId} eventId={event.eventId} />;
    default:
      return (
        <Callout tone="passed">
          <p>
            <strong>Processed.</strong> The event is stored and counted.
          </p>
          {link("See the event")}
        </Callout>
      );
  }
}

const simulatedMeanings: Readonly<Record<string, string>> = {
  "before-commit": "The call failed before anything was stored.",
  "after-commit": "The event was stored, and the call failed after that.",
  "before-ack": "The event was stored, and only the answer was lost.",
};
