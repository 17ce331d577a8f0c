import { displayText } from "../format/display-text.js";

/** What is wrong with which field, one a line; `truncated` says that there was more. */
export function Violations({
  violations,
  truncated = false,
}: {
  readonly violations: readonly { readonly field: string; readonly description: string }[];
  readonly truncated?: boolean;
}) {
  return (
    <ul className="violations">
      {violations.map(({ field, description }) => (
        <li key={`${field} ${description}`}>
          {field !== "" && <bdi className="mono violation-field">{displayText(field, 300)}</bdi>}{" "}
          <bdi>{displayText(description, 1000)}</bdi>
        </li>
      ))}
      {truncated && <li className="soft">There are more, which are not kept.</li>}
    </ul>
  );
}
