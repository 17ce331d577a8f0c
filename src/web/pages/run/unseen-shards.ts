import type { PartSummary } from "../../../../gen/tally/v1/run_pb.js";

/** A shard that a job announced and of which nothing has come. */
export interface UnseenShard {
  readonly job: string;
  readonly index: number;
  readonly total: number;
}

/** The shards that the run waits for, by job and index; up to 1,000. */
export function unseenShards(parts: readonly PartSummary[]): readonly UnseenShard[] {
  const seen = new Map<string, { total: number; indexes: Set<number> }>();
  for (const { part } of parts) {
    if (part === undefined || part.shardTotal === 0) continue;
    const job = seen.get(part.job) ?? { total: 0, indexes: new Set() };
    job.total = Math.max(job.total, part.shardTotal);
    job.indexes.add(part.shardIndex);
    seen.set(part.job, job);
  }
  const unseen: UnseenShard[] = [];
  for (const [job, { total, indexes }] of seen) {
    for (let index = 1; index <= total && unseen.length < 1000; index++) {
      if (!indexes.has(index)) unseen.push({ job, index, total });
    }
  }
  return unseen;
}
