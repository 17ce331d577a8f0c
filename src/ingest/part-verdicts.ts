/** What the results of runs tell of their parts and nothing else does: so much is kept when the results leave. */
import { Status } from "../../gen/tally/v1/run_pb.js";
import type { PartVerdict } from "../db/expired-runs.js";
import type { Queryable } from "../db/queryable.js";
import { readRunRecords } from "../db/run-records.js";
import { partId } from "./identity.js";

/** The parts that something failed in, where their producers gave no status. */
export async function partVerdicts(
  db: Queryable,
  projectKey: string,
  runs: readonly { readonly runKey: string }[],
  deadlineAt: number,
): Promise<PartVerdict[]> {
  const runKeys = runs.map(({ runKey }) => runKey);
  const records = await readRunRecords(db, projectKey, runKeys, deadlineAt);
  return records.flatMap(({ runKey, parts }) =>
    parts
      .filter(({ hasFailed, hasErrored }) => hasFailed || hasErrored)
      .map((part) => ({
        runKey,
        partId: partId(part),
        status: part.hasErrored ? Status.ERRORED : Status.FAILED,
      })),
  );
}
