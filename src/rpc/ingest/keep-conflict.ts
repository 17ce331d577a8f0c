/** Keeps the copy of a run of which not all is stored as it was given. */
import { create } from "@bufbuild/protobuf";
import {
  type IngestRunRequest,
  IngestRunRequestSchema,
} from "../../../gen/tally/v1/ingest_service_pb.js";
import { REJECTION_REASONS } from "../../db/rejections.js";
import type { RetryOptions } from "../../db/retry.js";
import type { Violation } from "../../errors.js";
import type { IngestTarget } from "../../ingest/ingest-batch.js";
import { refuseRequest } from "../../ingest/refusals.js";
import type { IngestDeps } from "./ingest-deps.js";

/** The conflicts of a run and its part with the paths that they have in an IngestRunRequest. */
export function requestPaths(conflicts: readonly Violation[]): Violation[] {
  return conflicts.map(({ field, description }) => ({
    field: field.startsWith("part.") ? field : `run.${field}`,
    description,
  }));
}

/**
 * The id of the kept copy, lower-case hex; "" without conflicts, where nothing is kept. The copy has no results: they are
 * stored or refused themselves.
 */
export async function keepConflict(
  deps: IngestDeps,
  target: IngestTarget,
  { run, part, expectedResultCount }: IngestRunRequest,
  conflicts: readonly Violation[],
  retry: RetryOptions,
): Promise<string> {
  if (conflicts.length === 0) return "";
  const refused = {
    request: create(IngestRunRequestSchema, {
      ...(run === undefined ? {} : { run }),
      ...(part === undefined ? {} : { part }),
      ...(expectedResultCount === undefined ? {} : { expectedResultCount }),
    }),
    reason: REJECTION_REASONS.conflict,
    violations: conflicts,
  };
  const origin = { batchKey: deps.drawKey(), ...target };
  return refuseRequest(deps.db, origin, refused, retry);
}
