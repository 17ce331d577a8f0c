/** What the jobs share. */
import type { Queryable } from "../db/queryable.js";
import type { Logger } from "../log.js";

export interface JobDeps {
  readonly db: Queryable;
  readonly log: Logger;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}
