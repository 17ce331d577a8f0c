/** Stored results as answers show them. */
import { create, fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { TestResultSchema } from "../../../gen/tally/v1/run_pb.js";
import type { StoredResultSchema } from "../../../gen/tally/v1/stats_pb.js";
import { ResultView } from "../../../gen/tally/v1/stats_service_pb.js";
import type { StoredResult } from "../../db/stored-results.js";
import { timestamp } from "../run-message.js";
import { testMessage } from "./test-message.js";

/** The result with its run and part. The BASIC view leaves out what may be long. */
export function storedResultMessage(
  stored: StoredResult,
  view: ResultView,
): MessageInitShape<typeof StoredResultSchema> {
  return {
    runId: stored.runId,
    testId: stored.test.testId,
    result: resultMessage(stored, view),
    part: stored.part,
    late: stored.late,
    flaky: stored.flaky,
    fingerprint: stored.fingerprint === null ? "" : fingerprintText(stored.fingerprint),
    runStartTime: timestamp(stored.runStartUs),
    branch: stored.branch,
    commitSha: stored.commitSha,
  };
}

/** A fingerprint, an int8 in decimal, as 16 hexadecimal digits. */
function fingerprintText(fingerprint: string): string {
  return BigInt.asUintN(64, BigInt(fingerprint)).toString(16).padStart(16, "0");
}

type ResultInit = MessageInitShape<typeof TestResultSchema>;

function resultMessage(stored: StoredResult, view: ResultView): ResultInit {
  const { startUs, durationUs, failureMessage, details } = stored;
  const kept = details === null ? create(TestResultSchema) : fromBinary(TestResultSchema, details);
  const isFull = view === ResultView.FULL;
  const message: ResultInit = {
    resultId: stored.resultId,
    test: testMessage(stored.test),
    status: stored.status,
    rawStatus: kept.rawStatus,
    attempt: stored.attempt,
    repeatIndex: kept.repeatIndex,
    skipReason: kept.skipReason,
    truncations: kept.truncations,
    repairedFields: kept.repairedFields,
  };
  if (startUs !== null) message.startTime = timestamp(startUs);
  if (durationUs !== null) message.duration = timestamp(durationUs);
  if (kept.location !== undefined) message.location = kept.location;
  if (kept.failure !== undefined || failureMessage !== null) {
    const { kind = "", type = "", trace = "", expected = "", actual = "" } = kept.failure ?? {};
    const long = isFull ? { trace, expected, actual } : {};
    message.failure = { kind, type, message: failureMessage ?? "", ...long };
  }
  if (isFull) {
    message.stdout = kept.stdout;
    message.stderr = kept.stderr;
    message.tags = kept.tags;
  }
  return message;
}
