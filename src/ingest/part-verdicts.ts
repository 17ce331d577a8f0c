/** What the results of runs tell of their parts and nothing else does: it is kept, since finding it out takes long. */
import { Status } from "../../gen/tally/v1/run_pb.js";
import type { Queryable } from "../db/queryable.js";
import { type RunRecord, readRunRecords } from "../db/run-records.js";
import type { PartVerdict } from "../db/run-states.js";
import { partId } from "./identity.js";

/** Of the parts whose producers gave no status. */
export function partVerdicts({ runKey, parts }: RunRecord): PartVerdict[] {
  return parts
    .filter(({ finishStatus }) => finishStatus === null)
    .map((part) => ({
      runKey,
      partId: partId(part),
      status: part.hasErrored
        ? Status.ERRORED
        : part.hasFailed
          ? Status.FAILED
          : Status.UNSPECIFIED,
      resultCount: part.counts.accepted,
    }));
}

/** Of all these runs. */
export async function readPartVerdicts(
  db: Queryable,
  projectKey: string,
  runs: readonly { readonly runKey: string }[],
  deadlineAt: number,
): Promise<PartVerdict[]> {
  const runKeys = runs.map(({ runKey }) => runKey);
  return (await readRunRecords(db, projectKey, runKeys, deadlineAt)).flatMap(partVerdicts);
}
