/** What the handlers of StatsService share. */
import type { Queryable } from "../../db/queryable.js";
import type { PageTokens } from "../page-token.js";
import type { ResolveProject } from "../resolve-project.js";

export interface StatsDeps {
  readonly db: Queryable;
  readonly resolveProject: ResolveProject;
  readonly pageTokens: PageTokens;
}
