import { BranchFilter } from "../../session/branch-filter.js";
import { Button } from "../../ui/button.js";
import { Choice } from "../../ui/choice.js";
import { TextFilter } from "../../ui/text-filter.js";
import type { ProjectPageProps } from "../project-page.js";
import { isEmptyFilter, type RunFilter, stateFilters, statusFilters } from "./run-filter.js";

/** The controls that narrow the list of runs. */
export function RunFilters({
  projectId,
  filter,
  onChange,
  onClear,
}: ProjectPageProps & {
  readonly filter: RunFilter;
  onChange(name: keyof RunFilter, value: string): void;
  onClear(): void;
}) {
  const hasMore = [filter.commit, filter.label, filter.from, filter.to].some(
    (value) => value !== "",
  );
  return (
    <>
      <BranchFilter
        projectId={projectId}
        branch={filter.branch}
        onFilter={(value) => onChange("branch", value)}
      />
      <Choice
        label="Status"
        value={filter.status}
        options={options(statusFilters)}
        onChoose={(value) => onChange("status", value)}
      />
      <Choice
        label="State"
        value={filter.state}
        options={options(stateFilters)}
        onChoose={(value) => onChange("state", value)}
      />
      {!isEmptyFilter(filter) && (
        <Button kind="quiet" onClick={onClear}>
          Clear filters
        </Button>
      )}
      <details className="more-filters" open={hasMore || undefined}>
        <summary>More filters</summary>
        <div className="filters">
          <TextFilter
            label="Commit"
            value={filter.commit}
            placeholder="Full hash"
            onFilter={(value) => onChange("commit", value.trim())}
          />
          <TextFilter
            label="Label"
            value={filter.label}
            placeholder="key=value"
            onFilter={(value) => onChange("label", value)}
          />
          <TextFilter
            label="From"
            type="date"
            value={filter.from}
            onFilter={(value) => onChange("from", value)}
          />
          <TextFilter
            label="To"
            type="date"
            value={filter.to}
            onFilter={(value) => onChange("to", value)}
          />
        </div>
      </details>
    </>
  );
}

function options(names: Readonly<Record<string, unknown>>) {
  return [
    { value: "", text: "All" },
    ...Object.keys(names).map((name) => ({
      value: name,
      text: name.charAt(0).toUpperCase() + name.slice(1),
    })),
  ];
}
