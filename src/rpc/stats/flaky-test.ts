/** A flaky test with its evidence, as answers show it. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  FlakeEvidenceSchema,
  FlakyTestSchema,
  ResultRefSchema,
} from "../../../gen/tally/v1/stats_pb.js";
import {
  type FlakyFailure,
  type ResultPointer,
  readFlakeEvidence,
  type TestEvidence,
} from "../../db/flake-evidence.js";
import type { Queryable } from "../../db/queryable.js";
import type { TestRecord } from "../../db/test-records.js";
import type { TestWindowDays } from "../../db/test-windows.js";
import { limits } from "../../limits.js";
import { FLAKY_VERSION } from "../../stats/flaky.js";
import { isProbableOutage } from "../../stats/outage.js";
import { DAY_US } from "../../stats/periods.js";
import { windowStart } from "../../stats/windows.js";
import { cutText } from "../../text.js";
import { timestamp } from "../run-message.js";
import { testSummary } from "./test-summary.js";

/** Those of the tests that were flaky in their window, in their order, with their evidence. */
export async function readFlakyTests(
  db: Queryable,
  projectKey: string,
  records: readonly TestRecord[],
  days: TestWindowDays,
  maxEvidence: number,
  deadlineAt: number,
): Promise<MessageInitShape<typeof FlakyTestSchema>[]> {
  const flaky = records.flatMap(({ testKey, window }) =>
    window === null || window.flaky === 0
      ? []
      : [{ testKey, sinceUs: windowStart(window.day, days) * DAY_US }],
  );
  const evidence = await readFlakeEvidence(db, projectKey, flaky, maxEvidence, deadlineAt);
  return records.flatMap((record) => {
    if (record.window === null || record.window.flaky === 0) return [];
    return [flakyTest(record, evidence.get(record.testKey))];
  });
}

/** The failures of a deleted run are no evidence any more, while they are still counted for some seconds. */
function flakyTest(
  record: TestRecord,
  evidence: TestEvidence | undefined,
): MessageInitShape<typeof FlakyTestSchema> {
  return {
    test: testSummary(record),
    definitionVersion: FLAKY_VERSION,
    ...(evidence === undefined
      ? {}
      : { firstTime: timestamp(evidence.firstUs), lastTime: timestamp(evidence.lastUs) }),
    decisiveSinceCount: BigInt(record.window?.decisiveSince ?? 0),
    evidence: (evidence?.failures ?? []).map(evidenceMessage),
  };
}

function evidenceMessage(failure: FlakyFailure): MessageInitShape<typeof FlakeEvidenceSchema> {
  const { passed, failuresAlike, runResults } = failure;
  return {
    commitSha: failure.commitSha,
    treeSha: failure.treeSha,
    job: failure.job,
    failed: resultRef(failure.failed),
    failureMessage: cutText(failure.message, limits.quotedMessageBytes),
    ...(passed === null ? {} : { passed: resultRef(passed) }),
    probableOutage: isProbableOutage({ failures: failuresAlike, resultCount: runResults }),
  };
}

/** Points at a result. */
export function resultRef(result: ResultPointer): MessageInitShape<typeof ResultRefSchema> {
  const { runId, resultId, attempt, startUs } = result;
  return { runId, resultId, attempt, runStartTime: timestamp(startUs) };
}
