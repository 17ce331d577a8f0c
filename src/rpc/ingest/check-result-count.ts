/** The bound on the results of one message. */
import { invalidArgument } from "../../errors.js";
import { limits } from "../../limits.js";

/** Refuses a message with too many results, whole. */
export function checkResultCount(field: string, count: number): void {
  if (count <= limits.resultsPerMessage) return;
  const description = `has ${count} results, at most ${limits.resultsPerMessage}`;
  throw invalidArgument([{ field, description }]);
}
