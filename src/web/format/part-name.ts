import type { Part } from "../../../gen/tally/v1/run_pb.js";
import { displayText } from "./display-text.js";

/** Which part of a run: `unit 2/4, attempt 3`. */
export function partName(part: Part | undefined): string {
  if (part === undefined) return "";
  const shard = part.shardTotal === 0 ? "" : `${part.shardIndex}/${part.shardTotal}`;
  const name = [displayText(part.job, 200), shard].filter(Boolean).join(" ");
  return part.attempt > 1 ? [name, `CI attempt ${part.attempt}`].filter(Boolean).join(", ") : name;
}
