/** ListRejections: what was refused, newest first. */
import { fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import type { RejectionSchema } from "../../../gen/tally/v1/rejection_pb.js";
import type { RejectionService } from "../../../gen/tally/v1/rejection_service_pb.js";
import { PartSchema, TestResultSchema } from "../../../gen/tally/v1/run_pb.js";
import {
  listRejections as listStored,
  REJECTION_KINDS,
  type RejectionKey,
  type StoredRejection,
} from "../../db/rejections.js";
import { limits } from "../../limits.js";
import { fromDbError } from "../database-error.js";
import type { Handler } from "../handler.js";
import { pageSize } from "../page-token.js";
import { timestamp } from "../run-message.js";
import { toFilter } from "./filter.js";
import type { RejectionDeps } from "./rejection-deps.js";

/** The handler of ListRejections. */
export function listRejections(
  deps: RejectionDeps,
): Handler<typeof RejectionService.method.listRejections> {
  return async (request, context) => {
    const { projectKey, projectId } = await deps.resolveProject(request.projectId, context);
    const filter = toFilter(request.filter);
    const size = pageSize(request.pageSize);
    const scope = { query: JSON.stringify(["ListRejections", filter]), projectId };
    const after = deps.pageTokens.open(request.pageToken, scope) as RejectionKey | null;
    const page = { after, limit: size + 1, maxBytes: limits.rejectionPageBytes };
    try {
      const found = await listStored(deps.db, projectKey, filter, page, context.deadlineAt);
      const rejections = found.slice(0, size);
      const last = rejections.at(-1);
      // A page may also end at its bytes: then the next one may turn out empty.
      const bytes = rejections.reduce((sum, { bytes }) => sum + (bytes?.length ?? 0), 0);
      const more = found.length > size || bytes > limits.rejectionPageBytes;
      return {
        rejections: rejections.map(rejectionMessage),
        nextPageToken:
          more && last !== undefined
            ? deps.pageTokens.seal({
                ...scope,
                key: { createUs: last.createUs, rejectionId: last.rejectionId },
              })
            : "",
      };
    } catch (error) {
      throw fromDbError(error);
    }
  };
}

function rejectionMessage(stored: StoredRejection): MessageInitShape<typeof RejectionSchema> {
  return {
    rejectionId: stored.rejectionId,
    kind: stored.kind,
    reason: stored.reason,
    fieldViolations: [...stored.violations],
    violationsTruncated: stored.violationsTruncated,
    state: stored.state,
    runId: stored.runId,
    part: fromBinary(PartSchema, stored.part),
    index: BigInt(stored.index),
    resultId: stored.resultId,
    item: itemOf(stored),
    repeatCount: BigInt(stored.repeatCount),
    createTime: timestamp(stored.createUs),
    lastTime: timestamp(stored.lastUs),
    client: stored.client,
    ...(stored.closeUs === null ? {} : { closeTime: timestamp(stored.closeUs) }),
    closeTokenId: stored.closedBy,
    note: stored.note,
    idempotencyKey: stored.idempotencyKey,
  };
}

function itemOf({
  kind,
  bytes,
}: StoredRejection): NonNullable<MessageInitShape<typeof RejectionSchema>["item"]> {
  if (bytes === null) return { case: undefined };
  switch (kind) {
    case REJECTION_KINDS.result:
      return { case: "result", value: fromBinary(TestResultSchema, bytes) };
    case REJECTION_KINDS.run:
      return { case: "ingestRunRequest", value: bytes };
    case REJECTION_KINDS.finish:
      return { case: "finishRunRequest", value: bytes };
    default:
      return { case: "event", value: bytes };
  }
}
