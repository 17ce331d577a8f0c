/** Recounts failures against failing results, and the figures of their groups against failures. */
import { expiredRuns } from "../../db/recount.js";
import { failurePairs, groupFigures } from "../../db/recount-failures.js";
import type { Snapshot } from "../../db/snapshot.js";
import { fingerprintFailure } from "../failure-fingerprint.js";
import { readFailureText } from "../failure-text.js";
import type { Comparison } from "./differences.js";

/** Failures and groups. Where retention has taken failures, their groups may count more. */
export async function recountFailures(
  snapshot: Snapshot,
  projectKey: string,
  comparison: Comparison,
): Promise<void> {
  for await (const pair of failurePairs(snapshot, projectKey)) {
    const key = `run ${pair.run_key} test ${pair.test_key} ${pair.result_id}`;
    comparison.compare("failures", key, pair.stored ?? "no row", pair.recounted ?? "no row");
    if (pair.fingerprint === null || pair.recounted === null) continue;
    const message = pair.failure_message ?? "";
    const { fingerprint } = fingerprintFailure({ ...readFailureText(pair.details), message });
    comparison.compare("failures.fingerprint", key, pair.fingerprint, fingerprint);
  }
  const hasExpired = !(await expiredRuns(snapshot, projectKey).next()).done;
  for await (const figure of groupFigures(snapshot, projectKey)) {
    const { stored, recounted } = figure;
    const isMore = /^\d+$/.test(stored) && BigInt(stored) > BigInt(recounted);
    if (!(hasExpired && isMore)) comparison.compare(figure.figure, figure.key, stored, recounted);
  }
}
