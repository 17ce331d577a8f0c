/** What the reading handlers of EventService share. */
import type { Queryable } from "../../db/queryable.js";
import type { PageTokens } from "../page-token.js";
import type { ResolveProject } from "../resolve-project.js";

export interface EventReadDeps {
  readonly db: Queryable;
  readonly resolveProject: ResolveProject;
  readonly pageTokens: PageTokens;
}
