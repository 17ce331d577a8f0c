/** What the handlers of StatsService share. */
import type { Queryable } from "../../db/queryable.js";
import type { PageTokens } from "../page-token.js";
import type { ResolveProject } from "../resolve-project.js";
import type { KnownKeys } from "./known-keys.js";

export interface StatsDeps {
  readonly db: Queryable;
  readonly resolveProject: ResolveProject;
  readonly pageTokens: PageTokens;
}

/** With what was found of runs and tests. */
export interface KeyedStatsDeps extends StatsDeps {
  readonly keys: KnownKeys;
}
