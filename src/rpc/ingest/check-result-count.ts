/** The bound on the results of one message. */
import type { TestResult } from "../../../gen/tally/v1/run_pb.js";
import { invalidArgument } from "../../errors.js";
import { limits } from "../../limits.js";

/** Refuses a message with too many results, whole. */
export function checkResultCount(field: string, results: readonly TestResult[]): void {
  if (results.length <= limits.resultsPerMessage) return;
  const description = `has ${results.length} results, at most ${limits.resultsPerMessage}`;
  throw invalidArgument([{ field, description }]);
}
