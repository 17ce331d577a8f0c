/** Keeps the copy of a run whose values conflict with the stored ones. */
import { create } from "@bufbuild/protobuf";
import {
  type IngestRunRequest,
  IngestRunRequestSchema,
} from "../../../gen/tally/v1/ingest_service_pb.js";
import { REJECTION_REASONS } from "../../db/rejections.js";
import type { RetryOptions } from "../../db/retry.js";
import type { IngestTarget } from "../../ingest/ingest-batch.js";
import { refuseRequest } from "../../ingest/refusals.js";
import type { IngestDeps } from "./ingest-deps.js";

/** Does nothing without conflicting fields. The copy has no results: they are stored or refused themselves. */
export async function keepConflict(
  deps: IngestDeps,
  target: IngestTarget,
  { run, part, expectedResultCount }: IngestRunRequest,
  fields: readonly string[],
  retry: RetryOptions,
): Promise<void> {
  if (fields.length === 0) return;
  const refused = {
    request: create(IngestRunRequestSchema, {
      ...(run === undefined ? {} : { run }),
      ...(part === undefined ? {} : { part }),
      ...(expectedResultCount === undefined ? {} : { expectedResultCount }),
    }),
    reason: REJECTION_REASONS.conflict,
    violations: fields.map((field) => ({
      field: field.startsWith("part.") ? field : `run.${field}`,
      description: "is stored with another value; the first stays",
    })),
  };
  const origin = { ...target, batchKey: deps.drawKey() };
  await refuseRequest(deps.db, origin, refused, retry);
}
