import { useMemo } from "react";
import { displayText } from "../../format/display-text.js";
import { Scrolled } from "../../ui/scrolled.js";
import { diffLines } from "./line-diff.js";

const marks = { expected: "−", actual: "+", both: " " } as const;
const words = { expected: "expected: ", actual: "actual: ", both: "" } as const;

/** What was expected and what was found, line by line. */
export function ValueDiff({
  expected,
  actual,
}: {
  readonly expected: string;
  readonly actual: string;
}) {
  const lines = useMemo(
    () => diffLines(displayText(expected, 10_000), displayText(actual, 10_000)),
    [expected, actual],
  );
  return (
    <Scrolled className="block diff" label="Expected and actual value">
      <p className="diff-legend">
        <span className="diff-expected">− expected</span>{" "}
        <span className="diff-actual">+ actual</span>
      </p>
      {lines.map(({ kind, text }, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place
        <div key={index} className={`diff-${kind}`}>
          <span aria-hidden="true">{marks[kind]} </span>
          <span className="unseen">{words[kind]}</span>
          <bdi>{text}</bdi>
        </div>
      ))}
    </Scrolled>
  );
}
