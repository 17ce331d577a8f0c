/** Stores results: one statement for slices of many callers, and a second one for rows that did not go in. */
import { DbError } from "../db/errors.js";
import type { Queryable } from "../db/queryable.js";
import { type ProbedRow, probeResults } from "../db/result-probe.js";
import {
  type InsertOutcome,
  insertResults,
  type ResultBatch,
  type ResultGroup,
} from "../db/results.js";
import { ensureResultsPartition } from "../db/results-partitions.js";
import { withRetries } from "../db/retry.js";
import type { CommitOptions, Store } from "../group-commit/commit-slices.js";
import type { Slice } from "../group-commit/job.js";
import { RunGone, type WriteJob, type WrittenPart } from "./write-job.js";

type ResultSlice = Slice<WriteJob, WrittenPart>;

export const resultStore: Store<WriteJob, WrittenPart> = {
  store: (lane, slices, options) => store(lane, compose(slices, options.drawKey), options),
  unstorable: (slice, error) => ({
    accepted: 0,
    duplicates: [],
    foreign: 0,
    conflicts: [],
    unstorable: [{ index: slice.from, reason: error.message }],
    unsettled: false,
  }),
  failsCall: () => false,
};

/** A batch and the slices its groups stand for: group i holds slice i. */
interface Statement {
  readonly slices: readonly ResultSlice[];
  readonly batch: ResultBatch;
  readonly deadlineAt: number;
}

function compose(slices: readonly ResultSlice[], drawKey: () => string): Statement {
  const groups: ResultGroup[] = [];
  const rows = [];
  const groupOf: number[] = [];
  let deadlineAt = 0;
  let projectKey = "";
  for (const { pending, from, to } of slices) {
    const { job } = pending;
    const { runKey, runDay, partId, tokenId } = job;
    for (let i = from; i < to; i++) groupOf.push(groups.length);
    groups.push({ runKey, runDay, partId, tokenId, batchKey: drawKey() });
    rows.push(...job.rows.slice(from, to));
    deadlineAt = Math.max(deadlineAt, job.deadlineAt);
    projectKey = job.projectKey;
  }
  return { slices, batch: { projectKey, groups, rows, groupOf }, deadlineAt };
}

async function store(lane: Queryable, statement: Statement, options: CommitOptions): Promise<void> {
  const { batch, deadlineAt } = statement;
  const retry = { deadlineAt, random: options.random, onRetry: options.hooks.retried };
  const startedAt = options.now();
  const inserted = await withRetries(() => insertWithPartition(lane, batch, deadlineAt), retry);
  options.hooks.committed(batch.rows.length, (options.now() - startedAt) / 1000);
  let probed: ProbedRow[] = [];
  if (inserted.leftOut.length > 0) {
    const probe = composeProbe(batch, inserted.leftOut, options.drawKey);
    const answers = await withRetries(() => probeResults(lane, probe, deadlineAt), retry);
    probed = answers.map((row) => ({ ...row, index: inserted.leftOut[row.index] ?? 0 }));
  }
  settle(statement, inserted, probed);
}

/** Inserts; a month without a partition gets one. */
async function insertWithPartition(
  lane: Queryable,
  batch: ResultBatch,
  deadlineAt: number,
): Promise<InsertOutcome> {
  try {
    return await insertResults(lane, batch, deadlineAt);
  } catch (error) {
    if (!(error instanceof DbError && error.kind === "check" && error.constraint === "")) {
      throw error;
    }
    for (const day of new Set(batch.groups.map((group) => group.runDay))) {
      await ensureResultsPartition(lane, day);
    }
    return insertResults(lane, batch, deadlineAt);
  }
}

function composeProbe(batch: ResultBatch, leftOut: readonly number[], drawKey: () => string) {
  const firstOf = new Map<string, number>();
  const keys = batch.rows.map(({ testKey, resultId }, ord) => {
    const key = `${batch.groups[batch.groupOf[ord] ?? 0]?.runKey} ${testKey} ${resultId}`;
    if (!firstOf.has(key)) firstOf.set(key, ord);
    return key;
  });
  const at = <T>(list: readonly T[]) => leftOut.flatMap((ord) => list.slice(ord, ord + 1));
  return {
    projectKey: batch.projectKey,
    groups: batch.groups,
    duplicateKeys: batch.groups.map(drawKey),
    rows: at(batch.rows),
    groupOf: at(batch.groupOf),
    isFirst: leftOut.map((ord) => firstOf.get(keys[ord] ?? "") === ord),
  };
}

/** Tells every slice what became of its rows. */
function settle(
  { slices, batch }: Statement,
  inserted: InsertOutcome,
  probed: readonly ProbedRow[],
): void {
  const dead = new Set(inserted.deadGroups);
  const unsettled = new Set(inserted.unsettledGroups);
  const leftOut = new Set(inserted.leftOut);
  const found = new Map(probed.map((row) => [row.index, row]));
  let ord = 0;
  slices.forEach((slice, group) => {
    const { pending, from, to } = slice;
    const firstOrd = ord;
    ord += to - from;
    if (dead.has(group)) {
      pending.fail(slice, new RunGone());
      return;
    }
    const duplicates: number[] = [];
    const conflicts: number[] = [];
    let foreign = 0;
    let lost = 0;
    for (let i = firstOrd; leftOut.size > 0 && i < ord; i++) {
      if (!leftOut.has(i)) continue;
      const row = found.get(i);
      const index = from + i - firstOrd;
      if (row === undefined) lost++;
      else if (row.own) continue;
      else if (!row.same) conflicts.push(index);
      else {
        duplicates.push(index);
        if (row.foreign) foreign++;
      }
    }
    // What neither went in nor is stored was removed in between: the run is being deleted.
    if (lost > 0) pending.fail(slice, new RunGone());
    else {
      const accepted = to - from - duplicates.length - conflicts.length;
      // What another part had stored is no longer missing of this one.
      const isUnsettled = unsettled.has(group) && accepted + foreign > 0;
      pending.settle(slice, {
        accepted,
        duplicates,
        foreign,
        conflicts,
        unstorable: [],
        unsettled: isUnsettled,
      });
    }
  });
  if (ord !== batch.rows.length) throw new Error("slices and rows disagree");
}
