/** What the handlers of RejectionService share: a replay ingests. */
import type { IngestDeps } from "../ingest/ingest-deps.js";
import type { PageTokens } from "../page-token.js";

export interface RejectionDeps extends IngestDeps {
  readonly pageTokens: PageTokens;
}
