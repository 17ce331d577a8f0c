/** All that a result said. */
import { type Failure, Status, type TestResult } from "../../../../gen/tally/v1/run_pb.js";
import type { StoredResult } from "../../../../gen/tally/v1/stats_pb.js";
import { displayText } from "../../format/display-text.js";
import { formatCount } from "../../format/numbers.js";
import { partName } from "../../format/part-name.js";
import { Badge, StatusBadge } from "../../ui/badges.js";
import { Block, Took } from "../../ui/texts.js";
import { ValueDiff } from "./value-diff.js";

/** One attempt. */
export function ResultEvidence({ stored }: { readonly stored: StoredResult }) {
  const { result, part, late, flaky } = stored;
  if (result === undefined) return null;
  const attempt = `Attempt ${Math.max(1, result.attempt)}`;
  return (
    <article className="evidence" aria-label={attempt}>
      <header className="row small">
        <StatusBadge status={result.status} />
        {flaky && <Badge tone="flaky">Flaky</Badge>}
        {late && <Badge tone="warned">Late</Badge>}
        <b>{attempt}</b>
        {result.repeatIndex > 0 && <span>repeat {result.repeatIndex}</span>}
        <Took duration={result.duration} />
        <bdi className="soft">{partName(part)}</bdi>
        <bdi className="soft">{rawStatus(result)}</bdi>
        <bdi className="soft mono">{location(result)}</bdi>
      </header>
      {result.failure !== undefined && <FailureView failure={result.failure} />}
      {result.skipReason !== "" && <Block label="Reason" text={result.skipReason} />}
      <Output name="Standard output" text={result.stdout} />
      <Output name="Standard error" text={result.stderr} />
      <Notes result={result} />
    </article>
  );
}

function FailureView({ failure }: { readonly failure: Failure }) {
  const { kind, type, message, trace, expected, actual } = failure;
  return (
    <>
      <div className="evidence-message">
        <bdi>{displayText(message, 10_000) || "It failed without a message."}</bdi>
        <bdi className="soft small">
          {displayText([type, kind].filter(Boolean).join(" · "), 300)}
        </bdi>
      </div>
      {(expected !== "" || actual !== "") && <ValueDiff expected={expected} actual={actual} />}
      {trace !== "" && <Block label="Trace" text={trace} />}
    </>
  );
}

function Output({ name, text }: { readonly name: string; readonly text: string }) {
  if (text === "") return null;
  return (
    <div className="evidence-output">
      <p className="soft small">{name}</p>
      <Block label={name} text={text} />
    </div>
  );
}

/** Tags, and what was cut or replaced on the way. */
function Notes({ result: { tags, truncations, repairedFields } }: { readonly result: TestResult }) {
  const notes = [
    ...Object.entries(tags).map(([key, value]) => `${key}=${value}`),
    ...truncations.map(
      ({ field, originalBytes }) => `${field} was cut from ${formatCount(originalBytes)} bytes`,
    ),
    ...repairedFields.map((field) => `${field} was not valid Unicode and is repaired`),
  ];
  if (notes.length === 0) return null;
  return (
    <ul className="run-asides soft small">
      {notes.map((note) => (
        <li key={note}>
          <bdi>{displayText(note, 400)}</bdi>
        </li>
      ))}
    </ul>
  );
}

function rawStatus({ rawStatus: raw, status }: TestResult): string {
  const isSame = raw === "" || raw.toLowerCase() === Status[status]?.toLowerCase();
  return isSame ? "" : `“${displayText(raw, 100)}”`;
}

function location({ location: at }: TestResult): string {
  if (at === undefined || at.file === "") return "";
  return displayText(at.line === 0 ? at.file : `${at.file}:${at.line}`, 300);
}
