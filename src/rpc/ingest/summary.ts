/** What an upload answers: counts, conflicts of the run, and the first refusals. */
import { create } from "@bufbuild/protobuf";
import type { RejectionReason } from "../../../gen/tally/v1/rejection_pb.js";
import { type RejectedItem, RejectedItemSchema } from "../../../gen/tally/v1/rejection_pb.js";
import type { Violation } from "../../errors.js";
import type { BatchOutcome } from "../../ingest/ingest-batch.js";
import { limits } from "../../limits.js";

/** The fields that every answer of an upload has. */
export interface Summary {
  runId: string;
  runDuplicate: boolean;
  runConflict: string[];
  acceptedCount: bigint;
  duplicateCount: bigint;
  conflictCount: bigint;
  rejectedCount: bigint;
  rejections: RejectedItem[];
  rejectionsTruncated: boolean;
  otherProducers: string[];
}

/** A summary before anything is counted. */
export function emptySummary(runId: string): Summary {
  return {
    runId,
    runDuplicate: false,
    runConflict: [],
    acceptedCount: 0n,
    duplicateCount: 0n,
    conflictCount: 0n,
    rejectedCount: 0n,
    rejections: [],
    rejectionsTruncated: false,
    otherProducers: [],
  };
}

/** Counts a batch. */
export function addOutcome(summary: Summary, outcome: BatchOutcome): void {
  summary.acceptedCount += BigInt(outcome.acceptedCount);
  summary.duplicateCount += BigInt(outcome.duplicateCount);
  summary.conflictCount += BigInt(outcome.conflictCount);
  summary.rejectedCount += BigInt(outcome.rejectedCount);
  addRejections(summary, outcome.refused.slice(0, limits.rejectionsPerAnswer).map(rejectedItem));
  if (outcome.refused.length > limits.rejectionsPerAnswer) summary.rejectionsTruncated = true;
}

/** Adds what another summary counts. */
export function addSummary(sum: Summary, other: Summary): void {
  sum.runDuplicate ||= other.runDuplicate;
  addFields(sum, other.runConflict);
  sum.acceptedCount += other.acceptedCount;
  sum.duplicateCount += other.duplicateCount;
  sum.conflictCount += other.conflictCount;
  sum.rejectedCount += other.rejectedCount;
  addRejections(sum, other.rejections);
  sum.rejectionsTruncated ||= other.rejectionsTruncated;
  sum.otherProducers.push(...other.otherProducers);
}

/** Adds the names of the fields, each once. */
export function addConflicts(summary: Summary, conflicts: readonly Violation[]): void {
  addFields(
    summary,
    conflicts.map(({ field }) => field),
  );
}

function addFields(summary: Summary, fields: readonly string[]): void {
  summary.runConflict = [...new Set([...summary.runConflict, ...fields])];
}

function addRejections(summary: Summary, rejections: readonly RejectedItem[]): void {
  const room = limits.rejectionsPerAnswer - summary.rejections.length;
  summary.rejections.push(...rejections.slice(0, room));
  if (rejections.length > room) summary.rejectionsTruncated = true;
}

function rejectedItem(item: BatchOutcome["refused"][number]): RejectedItem {
  return create(RejectedItemSchema, {
    index: BigInt(item.index),
    resultId: item.resultId.slice(0, limits.resultIdBytes),
    reason: item.reason as number as RejectionReason,
    fieldViolations: item.violations.slice(0, limits.violationsPerItem),
    violationsTruncated: item.violations.length > limits.violationsPerItem,
    rejectionId: item.rejectionId,
  });
}
