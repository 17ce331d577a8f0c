import { useId } from "react";
import { branchesOf } from "../format/branches.js";
import { displayText } from "../format/display-text.js";
import { TextFilter } from "../ui/text-filter.js";
import { useRecentRuns } from "./recent-runs.js";

/** The branch to look at: one of those that recent runs name, or any other. Empty means what the placeholder says. */
export function BranchFilter({
  projectId,
  branch,
  label = "Branch",
  placeholder = "All branches",
  onFilter,
}: {
  readonly projectId: string;
  readonly branch: string;
  readonly label?: string;
  readonly placeholder?: string;
  onFilter(branch: string): void;
}) {
  const id = useId();
  const { data } = useRecentRuns(projectId);
  return (
    <>
      <TextFilter
        label={label}
        value={branch}
        placeholder={placeholder}
        list={id}
        onFilter={onFilter}
      />
      <datalist id={id}>
        {branchesOf(data?.runs ?? []).map((each) => (
          <option key={each} value={each}>
            {displayText(each, 80)}
          </option>
        ))}
      </datalist>
    </>
  );
}
