/** The bounds on the results, events and entries of one message, and on the values in their Structs. */
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

/** Refuses a replay or dismissal of too many rejections, whole. */
export function checkEntryCount(field: string, count: number): void {
  check(field, count, "entries", limits.rejectionsPerCall);
}

/** Refuses a message with too many values in Structs, whole. */
export function checkValueCount(field: string, count: number): void {
  check(field, count, "values", limits.valuesPerMessage);
}

function check(field: string, count: number, what: string, max: number): void {
  if (count <= max) return;
  throw invalidArgument([{ field, description: `has ${count} ${what}, at most ${max}` }]);
}
