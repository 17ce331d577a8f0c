/** What an upload prints. */
import { RejectionReason } from "../../gen/tally/v1/rejection_pb.js";
import type { UploadSummary } from "../client/upload.js";
import type { Context } from "./context.js";
import type { FileReport } from "./report-files.js";
import { targetText, type UploadTarget } from "./upload-target.js";

/**
 * Prints what became of the files, and says whether something was refused, damaged or unreadable. `summary` is
 * absent where there was nothing to send.
 */
export function printUpload(
  context: Context,
  target: UploadTarget,
  summary: UploadSummary | undefined,
  reports: readonly FileReport[],
): boolean {
  for (const { file, warnings, problem } of reports) {
    for (const { line, message } of warnings) context.warn(`${file}:${line}: warning: ${message}`);
    if (problem !== undefined) {
      context.warn(`${file}:${problem.line > 0 ? `${problem.line}:` : ""} ${problem.message}`);
    }
  }
  for (const item of summary?.rejections ?? []) {
    const holder = reports.findLast(({ firstIndex }) => BigInt(firstIndex) <= item.index);
    const why = item.fieldViolations.map((v) => `${v.field} ${v.description}`).join("; ");
    const reason = RejectionReason[item.reason]?.toLowerCase() ?? "refused";
    context.warn(`${holder?.file}: refused (${reason}) ${why} [rejection ${item.rejectionId}]`);
  }
  if (summary?.rejectionsTruncated) context.warn("more were refused: tally rejections list");
  if (summary !== undefined && summary.runConflict.length > 0) {
    context.warn(
      `not stored, as the run has other values or no room: ${summary.runConflict.join(", ")}`,
    );
  }
  const others = summary?.otherProducers.map((producer) => producer || "another upload") ?? [];
  if (others.length > 0) {
    context.warn(
      `this job is also reported by ${others.join(", ")}: what both report is counted twice`,
    );
  }
  const { runId, source, ci, part } = target;
  context.printPlain(
    { ...summaryJson(runId, summary), part, source, ci, files: reports.map(fileJson) },
    () => summaryText(target, summary, reports),
  );
  const refused = summary === undefined ? 0 : summary.conflictCount + summary.rejectedCount;
  return refused > 0 || reports.some(({ problem }) => problem !== undefined);
}

function summaryText(
  target: UploadTarget,
  summary: UploadSummary | undefined,
  reports: readonly FileReport[],
): string {
  if (summary === undefined) return "nothing to upload";
  const cases = reports.reduce((sum, { caseCount }) => sum + caseCount, 0);
  const retries = reports.reduce((sum, { retryCount }) => sum + retryCount, 0);
  const counts = [
    `${summary.acceptedCount} stored`,
    `${summary.duplicateCount} already known`,
    `${summary.conflictCount} in conflict`,
    `${summary.rejectedCount} refused`,
  ];
  const files = `${reports.length} ${reports.length === 1 ? "file" : "files"}`;
  const first = `run ${target.runId}: ${files}, ${cases} test cases, ${retries} retries; ${counts.join(", ")}`;
  return [first, targetText(target)].filter((line) => line !== "").join("\n");
}

function summaryJson(runId: string, summary: UploadSummary | undefined) {
  if (summary === undefined) return { runId, sentCount: 0 };
  return {
    ...summary,
    rejections: summary.rejections.map(
      ({ index, resultId, reason, fieldViolations, rejectionId }) => ({
        index: Number(index),
        resultId,
        reason: RejectionReason[reason],
        fieldViolations: fieldViolations.map(({ field, description }) => ({ field, description })),
        rejectionId,
      }),
    ),
  };
}

function fileJson({ file, caseCount, retryCount, warnings, problem }: FileReport) {
  return { file, caseCount, retryCount, warnings, problem };
}
