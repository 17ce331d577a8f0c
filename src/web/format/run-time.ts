import type { Run } from "../../../gen/tally/v1/run_pb.js";
import { millisOf } from "./times.js";

/** The time a run counts at: its start, or its receipt if it claims to start later. */
export function countsAtMs(run: Run): number {
  const created = millisOf(run.createTime) ?? 0;
  return Math.min(millisOf(run.startTime) ?? created, created);
}
