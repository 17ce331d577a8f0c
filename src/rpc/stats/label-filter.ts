/** The labels that a request asks runs to have. */
import type { Violation } from "../../errors.js";
import { checkMap } from "../../ingest/rules.js";
import { limits } from "../../limits.js";

/** Adds what is wrong with labels that all must be there. */
export function checkLabelFilter(
  violations: Violation[],
  labels: Readonly<Record<string, string>>,
): void {
  const count = Object.keys(labels).length;
  if (count > limits.filterLabels) {
    const description = `has ${count} entries, at most ${limits.filterLabels}`;
    violations.push({ field: "labels", description });
  } else checkMap(violations, "labels", labels);
}
