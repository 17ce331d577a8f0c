/**
 * A parameter whose value the planner does not see, for statements that look up by key. Left to itself, Postgres
 * plans a statement anew each time as long as it takes this run for a smaller one than others, or these keys for fewer:
 * 1.2 ms of its processor time for the groups of a run's failures, which are read in 0.8.
 */
export const unseen = (param: string, type: string): string =>
  `(SELECT ${param}::${type})::${type}`;
