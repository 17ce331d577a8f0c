/** Stores results: one statement for slices of many callers, and a second one for rows that did not go in. */
import { setTimeout as sleep } from "node:timers/promises";
import { type BoundedCache, createBoundedCache } from "../bounded-cache.js";
import { DbError } from "../db/errors.js";
import type { Queryable } from "../db/queryable.js";
import { type ProbeBatch, type ProbedRow, probeResults } from "../db/result-probe.js";
import {
  type InsertOutcome,
  insertResults,
  type ResultBatch,
  type ResultGroup,
  type ResultRow,
} from "../db/results.js";
import { ensureResultsPartition } from "../db/results-partitions.js";
import { withRetries } from "../db/retry.js";
import type { CommitOptions, Store } from "../group-commit/commit-slices.js";
import type { Slice } from "../group-commit/job.js";
import { RunGone, type WriteJob, type WrittenPart } from "./write-job.js";

type ResultSlice = Slice<WriteJob, WrittenPart>;

/** Inserts that are tried where the month has no partition: one that an operator has detached never comes. */
const PARTITION_TRIES = 6;
const PARTITION_WAIT_MS = 50;
/** Senders that are remembered for sending again what is stored. */
const REPEATERS = 10_000;

/**
 * The store of results. Of senders whose last rows were all stored before it asks first what is stored of the next ones:
 * where that is all, no insert is tried.
 */
export function createResultStore(): Store<WriteJob, WrittenPart> {
  const repeaters: Repeaters = createBoundedCache(REPEATERS);
  return {
    store: (lane, slices, options) =>
      store(lane, compose(slices, options.drawKey), repeaters, options),
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
}

type Repeaters = BoundedCache<string, true>;

/** A batch and the slices of its rows, in their order. */
interface Statement {
  readonly slices: readonly ResultSlice[];
  readonly batch: ResultBatch;
  /** For each group, who sent it: its run, part and token. */
  readonly senders: readonly string[];
  readonly deadlineAt: number;
}

function compose(slices: readonly ResultSlice[], drawKey: () => string): Statement {
  const groups: ResultGroup[] = [];
  const rows: ResultRow[] = [];
  const groupOf: number[] = [];
  const groupBySender = new Map<string, number>();
  let deadlineAt = 0;
  let projectKey = "";
  for (const { pending, from, to } of slices) {
    const { job } = pending;
    const { runKey, runDay, partId, tokenId } = job;
    const sender = `${runKey} ${tokenId} ${Buffer.from(partId).toString("latin1")}`;
    const group = groupBySender.get(sender) ?? groups.length;
    if (group === groups.length) {
      groupBySender.set(sender, group);
      groups.push({ runKey, runDay, partId, tokenId, batchKey: drawKey() });
    }
    for (let i = from; i < to; i++) groupOf.push(group);
    rows.push(...job.rows.slice(from, to));
    deadlineAt = Math.max(deadlineAt, job.deadlineAt);
    projectKey = job.projectKey;
  }
  const senders = [...groupBySender.keys()];
  return { slices, batch: { projectKey, groups, rows, groupOf }, senders, deadlineAt };
}

async function store(
  lane: Queryable,
  statement: Statement,
  repeaters: Repeaters,
  options: CommitOptions,
): Promise<void> {
  const { batch, deadlineAt } = statement;
  const retry = { deadlineAt, random: options.random, onRetry: options.hooks.retried };
  const probe = (rows: ProbeBatch) =>
    withRetries(() => probeResults(lane, rows, deadlineAt), retry);
  const startedAt = options.now();
  const committed = () =>
    options.hooks.committed(batch.rows.length, (options.now() - startedAt) / 1000);

  if (statement.senders.every((sender) => repeaters.get(sender))) {
    const { rows, unsettledGroups } = await probe(composeRepeat(batch, options.drawKey));
    if (rows.length === batch.rows.length) {
      committed();
      settle(statement, { deadGroups: [], leftOut: [], unsettledGroups }, rows, repeaters);
      return;
    }
    for (const sender of statement.senders) repeaters.delete(sender);
  }
  const inserted = await withRetries(() => insertWithPartition(lane, batch, deadlineAt), retry);
  committed();
  let probed: readonly ProbedRow[] = [];
  if (inserted.leftOut.length > 0) {
    const { rows } = await probe(composeProbe(batch, inserted.leftOut, options.drawKey));
    probed = rows.map((row) => ({ ...row, index: inserted.leftOut[row.index] ?? 0 }));
  }
  settle(statement, inserted, probed, repeaters);
}

/** Inserts; a month without a partition gets one. */
async function insertWithPartition(
  lane: Queryable,
  batch: ResultBatch,
  deadlineAt: number,
): Promise<InsertOutcome> {
  for (let tries = 1; ; tries++) {
    try {
      return await insertResults(lane, batch, deadlineAt);
    } catch (error) {
      if (!isWithoutPartition(error) || tries === PARTITION_TRIES) throw error;
      // Of a partition that another connection attaches, the name is there a moment before inserts know of it.
      if (tries > 1) await sleep(PARTITION_WAIT_MS);
      for (const day of new Set(batch.groups.map((group) => group.runDay))) {
        await ensureResultsPartition(lane, day);
      }
    }
  }
}

function isWithoutPartition(error: unknown): boolean {
  return error instanceof DbError && error.kind === "check" && error.constraint === "";
}

/** A whole batch that may be stored. Its keys are new: no row can be its own. */
function composeRepeat(batch: ResultBatch, drawKey: () => string): ProbeBatch {
  return {
    duplicateKeys: batch.groups.map(drawKey),
    isFirst: batch.rows.map(() => true),
    countFrom: batch.rows.length,
    ...batch,
  };
}

function composeProbe(
  batch: ResultBatch,
  leftOut: readonly number[],
  drawKey: () => string,
): ProbeBatch {
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
    countFrom: 0,
  };
}

/** Tells every slice what became of its rows, and remembers who repeated what is stored. */
function settle(
  { slices, batch, senders }: Statement,
  inserted: InsertOutcome,
  probed: readonly ProbedRow[],
  repeaters: Repeaters,
): void {
  const dead = new Set(inserted.deadGroups);
  const unsettled = new Set(inserted.unsettledGroups);
  /** For each row what is stored in its place, null if nothing is; undefined if it went in. */
  const found: (ProbedRow | null | undefined)[] = [];
  for (const ord of inserted.leftOut) found[ord] = null;
  for (const row of probed) found[row.index] = row;
  const hasNew = new Set<number>();
  let ord = 0;
  for (const slice of slices) {
    const { pending, from, to } = slice;
    const group = batch.groupOf[ord] ?? 0;
    const firstOrd = ord;
    ord += to - from;
    if (dead.has(group)) {
      pending.fail(slice, new RunGone());
      continue;
    }
    const duplicates: number[] = [];
    const conflicts: number[] = [];
    let foreign = 0;
    let lost = 0;
    for (let i = firstOrd; i < ord; i++) {
      const row = found[i];
      const index = from + i - firstOrd;
      if (row === undefined || row?.own) continue;
      if (row === null) lost++;
      else if (!row.same) conflicts.push(index);
      else {
        duplicates.push(index);
        if (row.foreign) foreign++;
      }
    }
    const accepted = to - from - duplicates.length - conflicts.length;
    if (accepted > 0) hasNew.add(group);
    // What neither went in nor is stored was removed in between: the run is being deleted.
    if (lost > 0) pending.fail(slice, new RunGone());
    else {
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
  }
  if (ord !== batch.rows.length) throw new Error("slices and rows disagree");
  senders.forEach((sender, group) => {
    if (hasNew.has(group) || dead.has(group)) repeaters.delete(sender);
    else repeaters.set(sender, true);
  });
}
