/** IngestService: a missing RPC does not compile. */
import { IngestService } from "../../../gen/tally/v1/ingest_service_pb.js";
import type { Route } from "../handler.js";
import { deleteRun } from "./delete-run.js";
import { finishRun } from "./finish-run.js";
import type { IngestDeps } from "./ingest-deps.js";
import { ingestRun } from "./ingest-run.js";
import { publishResults } from "./publish-results.js";
import { uploadResults } from "./upload-results.js";

/** The service with its handlers and scopes. */
export function ingestRoute(deps: IngestDeps): Route<typeof IngestService> {
  return {
    service: IngestService,
    handlers: {
      ingestRun: ingestRun(deps),
      uploadResults: uploadResults(deps),
      publishResults: publishResults(deps),
      finishRun: finishRun(deps),
      deleteRun: deleteRun(deps),
    },
    access: {
      ingestRun: "ingest",
      uploadResults: "ingest",
      publishResults: "ingest",
      finishRun: "ingest",
      deleteRun: "manage",
    },
  };
}
