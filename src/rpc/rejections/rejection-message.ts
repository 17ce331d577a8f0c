/** A stored rejection, from the database to the contract. */
import { fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import type { RejectionSchema } from "../../../gen/tally/v1/rejection_pb.js";
import { PartSchema, TestResultSchema } from "../../../gen/tally/v1/run_pb.js";
import { REJECTION_KINDS, type StoredRejection } from "../../db/rejections.js";
import { withoutUnsayableTimes } from "../../json-times.js";
import { decodeMessage } from "../../wire/message-reader.js";
import { timestamp } from "../run-message.js";

/** The rejection with its item, as far as that is still kept. */
export function rejectionMessage(
  stored: StoredRejection,
): MessageInitShape<typeof RejectionSchema> {
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
      return {
        case: "result",
        value: withoutUnsayableTimes(TestResultSchema, decodeMessage(TestResultSchema, bytes)),
      };
    case REJECTION_KINDS.run:
      return { case: "ingestRunRequest", value: bytes };
    case REJECTION_KINDS.finish:
      return { case: "finishRunRequest", value: bytes };
    default:
      return { case: "event", value: bytes };
  }
}
