/** The bounds on the results and events of one message. */
import { invalidArgument } from "../errors.js";
import { limits } from "../limits.js";

/** Refuses a message with too many results, whole. */
export function checkResultCount(field: string, count: number): void {
  check(field, count, "results", limits.resultsPerMessage);
}

/** Refuses a message with too many events, whole. */
export function checkEventCount(field: string, count: number): void {
  check(field, count, "events", limits.eventsPerMessage);
}

function check(field: string, count: number, what: string, max: number): void {
  if (count <= max) return;
  throw invalidArgument([{ field, description: `has ${count} ${what}, at most ${max}` }]);
}
