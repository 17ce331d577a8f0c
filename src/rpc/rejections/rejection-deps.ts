/** What the handlers of RejectionService share: a replay ingests. */
import type { Turns } from "../../db/turns.js";
import type { EventPipeline } from "../../events/ingest-events.js";
import type { EventPolicies } from "../../events/policies.js";
import type { IngestDeps } from "../ingest/ingest-deps.js";
import type { PageTokens } from "../page-token.js";

export interface RejectionDeps extends IngestDeps {
  readonly pageTokens: PageTokens;
  readonly turns: Turns;
  readonly events: EventPipeline & { readonly policies: EventPolicies };
}
