import type { Event, EventWarning } from "../../../../gen/tally/v1/event_pb.js";
import { displayText } from "../../format/display-text.js";
import { Badge } from "../../ui/badges.js";

/** What was unknown, filled in or read in another form. */
export function EventWarnings({
  event: { warnings, warningsTruncated },
}: {
  readonly event: Pick<Event, "warnings" | "warningsTruncated">;
}) {
  return (
    <ul className="violations">
      {warnings.map((warning) => (
        <li key={`${warning.code} ${warning.field} ${warning.description}`}>
          <Badge tone="warned">{codeText(warning)}</Badge>{" "}
          <bdi className="mono">{displayText(warning.field, 300)}</bdi>{" "}
          <bdi>{displayText(warning.description, 1000)}</bdi>
        </li>
      ))}
      {warningsTruncated && <li className="soft">There were more, which are not kept.</li>}
    </ul>
  );
}

function codeText({ code }: EventWarning): string {
  const text = displayText(code, 60).toLowerCase().replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}
