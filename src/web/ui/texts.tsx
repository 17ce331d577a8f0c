/** Small pieces of text: times, durations, texts of others. */
import type { Duration, Timestamp } from "@bufbuild/protobuf/wkt";
import type { Test } from "../../../gen/tally/v1/run_pb.js";
import { displayText, webAddress } from "../format/display-text.js";
import { testName, testPlace } from "../format/test-name.js";
import { durationMs, formatAgo, formatDuration, formatTime, millisOf } from "../format/times.js";
import { Scrolled } from "./scrolled.js";
import { useNow } from "./use-now.js";

/** How long ago, with the whole time to hover over. */
export function Ago({ time }: { readonly time: Timestamp | undefined }) {
  const now = useNow();
  const ms = millisOf(time);
  if (ms === undefined) return <span className="soft">–</span>;
  return (
    <time dateTime={new Date(ms).toISOString()} title={formatTime(ms)}>
      {formatAgo(ms, now)}
    </time>
  );
}

/** A duration; a dash for none. */
export function Took({ duration }: { readonly duration: Duration | undefined }) {
  return <span className="number">{formatDuration(durationMs(duration))}</span>;
}

/** Text of others in a line: cut by the layout, whole to hover over, and its direction is its own. */
export function Line({ text }: { readonly text: string }) {
  const shown = displayText(text);
  return (
    <bdi className="line" title={shown}>
      {shown}
    </bdi>
  );
}

/** Text of others as it was written, such as a trace. */
export function Block({ text, label }: { readonly text: string; readonly label: string }) {
  return (
    <Scrolled className="block" label={label}>
      <pre>
        <bdi>{displayText(text, 100_000)}</bdi>
      </pre>
    </Scrolled>
  );
}

/** A test: its name above its place. */
export function TestLabel({ test }: { readonly test: Test | undefined }) {
  return (
    <span className="test-label">
      <bdi className="line">{testName(test)}</bdi>
      <bdi className="line soft small">{testPlace(test)}</bdi>
    </span>
  );
}

/** A link to a page of others; plain text if the address is none of the web. */
export function OutsideLink({
  address,
  text,
}: {
  readonly address: string;
  readonly text: string;
}) {
  const href = webAddress(address);
  if (href === undefined) return <Line text={text} />;
  return (
    <a href={href} rel="noreferrer noopener external" target="_blank">
      {displayText(text, 200)} ↗
    </a>
  );
}
