/** What the results of runs tell of their parts and nothing else does: it is kept, since finding it out takes long. */
import { Status } from "../../gen/tally/v1/run_pb.js";
import type { Queryable } from "../db/queryable.js";
import { type RunRecord, readRunRecords } from "../db/run-records.js";
import type { PartVerdict } from "../db/run-states.js";
import { partId } from "./identity.js";

/** Of the parts that stored results alone tell of: refused ones are mended and dismissed. */
export function resultVerdicts({ runKey, parts }: RunRecord): PartVerdict[] {
  return partVerdicts({ runKey, parts: parts.filter((part) => part.heardRefusals === 0) });
}

/** Of the parts whose producers gave no status. */
function partVerdicts({ runKey, parts }: Pick<RunRecord, "runKey" | "parts">): PartVerdict[] {
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

/** Of all parts of these runs, with what was refused of them. */
export async function readPartVerdicts(
  db: Queryable,
  projectKey: string,
  runs: readonly { readonly runKey: string }[],
  deadlineAt: number,
): Promise<PartVerdict[]> {
  const runKeys = runs.map(({ runKey }) => runKey);
  return (await readRunRecords(db, projectKey, runKeys, deadlineAt)).flatMap(partVerdicts);
}
