import { useId } from "react";
import { displayText } from "../format/display-text.js";
import { TextFilter } from "./text-filter.js";

/** The branch to look at, of those that are suggested or any other; empty means all. */
export function BranchFilter({
  branch,
  suggestions,
  onFilter,
}: {
  readonly branch: string;
  readonly suggestions: readonly string[];
  onFilter(branch: string): void;
}) {
  const id = useId();
  return (
    <>
      <TextFilter
        label="Branch"
        value={branch}
        placeholder="All branches"
        list={id}
        onFilter={onFilter}
      />
      <datalist id={id}>
        {suggestions.map((each) => (
          <option key={each} value={each}>
            {displayText(each, 80)}
          </option>
        ))}
      </datalist>
    </>
  );
}
