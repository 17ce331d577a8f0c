/** Stores events and keeps refused ones: one statement for slices of many callers, and a second for repeats. */
import { DbError } from "../db/errors.js";
import { type ProbedEvent, probeEvents } from "../db/event-probe.js";
import {
  type EventBatch,
  type EventInsertOutcome,
  type EventRow,
  insertEvents,
  type RefusedEventRow,
} from "../db/events.js";
import { type RetryOptions, withRetries } from "../db/retry.js";
import type { CommitOptions, Store } from "../group-commit/commit-slices.js";
import type { Slice } from "../group-commit/job.js";
import { limits } from "../limits.js";
import { type EventJob, type EventPart, type ItemOutcome, ProjectGone } from "./event-job.js";
import { NORMALIZER_VERSION } from "./field-rules.js";

type EventSlice = Slice<EventJob, EventPart>;

export const eventStore: Store<EventJob, EventPart> = {
  store: (lane, slices, options) => store(lane, slices, options),
  unstorable: (slice, error) => ({
    from: slice.from,
    outcomes: [{ kind: "unstorable", reason: error.message }],
    hasOpenRejections: false,
  }),
  failsCall: ({ constraint }) => constraint === "rejection_quota",
};

async function store(
  lane: Parameters<typeof insertEvents>[0],
  slices: readonly EventSlice[],
  options: CommitOptions,
): Promise<void> {
  const statement = compose(slices, options.drawKey());
  const { batch } = statement;
  const deadlineAt = Math.max(...slices.map(({ pending }) => pending.job.deadlineAt));
  const retry = { deadlineAt, random: options.random, onRetry: options.hooks.retried };
  const startedAt = options.now();
  const inserted = await withRetries(() => insertEvents(lane, batch, deadlineAt), retry);
  options.hooks.committed(
    batch.rows.length + batch.refused.length,
    (options.now() - startedAt) / 1000,
  );
  if (inserted.gone) {
    for (const slice of slices) slice.pending.fail(slice, new ProjectGone());
    return;
  }
  const probed = await probe(lane, batch, inserted.leftOut, options.drawKey(), retry);
  settle(statement, inserted, probed);
}

/** A batch, and where its rows come from. */
interface Statement {
  readonly slices: readonly EventSlice[];
  readonly batch: EventBatch;
  /** For each item of the slices, in order, its place among the rows or the refused of the batch. */
  readonly places: readonly number[];
}

function compose(slices: readonly EventSlice[], batchKey: string): Statement {
  const rows: EventRow[] = [];
  const groupOf: number[] = [];
  const refused: Mutable<RefusedEventRow>[] = [];
  const refusedGroupOf: number[] = [];
  /** The same refusal of several callers is one row. */
  const refusedAt = new Map<string, number>();
  const places: number[] = [];
  slices.forEach(({ pending, from, to }, group) => {
    for (const item of pending.job.rows.slice(from, to)) {
      if (item.kind === "event") {
        places.push(rows.push(item.row) - 1);
        groupOf.push(group);
        continue;
      }
      const id = Buffer.from(item.row.rejectionId).toString("latin1");
      const known = refusedAt.get(id);
      const twin = known === undefined ? undefined : refused[known];
      if (known !== undefined && twin !== undefined) {
        twin.repeats += 1;
        places.push(known);
        continue;
      }
      refusedAt.set(id, refused.length);
      places.push(refused.push({ repeats: 1, ...item.row }) - 1);
      refusedGroupOf.push(group);
    }
  });
  const groups = slices.map(({ pending: { job } }) => ({
    tokenId: job.tokenId,
    state: job.state,
    failingAttempts: job.failingAttempts,
  }));
  const batch = {
    projectKey: slices[0]?.pending.job.projectKey ?? "",
    batchKey: countable(batchKey),
    groups,
    rows,
    groupOf,
    refused,
    refusedGroupOf,
    normalizerVersion: NORMALIZER_VERSION,
    maxKeptBytes: limits.keptRefusalBytesPerProject,
  };
  return { slices, batch, places };
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Groups count on from the key: it leaves them room below 2^63. */
function countable(key: string): string {
  return (BigInt(key) & ~COUNT_BITS).toString();
}
const COUNT_BITS = 0xffffn;

async function probe(
  lane: Parameters<typeof probeEvents>[0],
  batch: EventBatch,
  leftOut: readonly number[],
  repeatKey: string,
  retry: RetryOptions,
): Promise<ReadonlyMap<number, ProbedEvent>> {
  if (leftOut.length === 0) return new Map();
  const firstOf = new Map<string, number>();
  batch.rows.forEach(({ eventId }, ord) => {
    const id = Buffer.from(eventId).toString("latin1");
    if (!firstOf.has(id)) firstOf.set(id, ord);
  });
  const firsts = new Set(firstOf.values());
  const at = <T>(list: readonly T[]) => leftOut.flatMap((ord) => list.slice(ord, ord + 1));
  const question = {
    projectKey: batch.projectKey,
    batchKey: batch.batchKey,
    repeatKey: countable(repeatKey),
    groups: batch.groups,
    rows: at(batch.rows),
    groupOf: at(batch.groupOf),
    isFirst: leftOut.map((ord) => firsts.has(ord)),
  };
  const answers = await withRetries(() => probeEvents(lane, question, retry.deadlineAt), retry);
  return new Map(answers.map((answer) => [leftOut[answer.index] ?? -1, answer]));
}

/** Tells every slice what became of its items. */
function settle(
  { slices, batch, places }: Statement,
  inserted: EventInsertOutcome,
  probed: ReadonlyMap<number, ProbedEvent>,
): void {
  const leftOut = new Set(inserted.leftOut);
  let at = 0;
  for (const slice of slices) {
    const { pending, from, to } = slice;
    const outcomes: (ItemOutcome | null)[] = pending.job.rows.slice(from, to).map((item) => {
      const place = places[at++] ?? 0;
      if (item.kind === "refused") return refusedOutcome(batch, inserted, place);
      return leftOut.has(place) ? repeatOutcome(probed.get(place)) : STORED;
    });
    if (outcomes.every((outcome) => outcome !== null)) {
      pending.settle(slice, { from, outcomes, hasOpenRejections: inserted.hasOpenRejections });
    } else {
      // What neither went in nor is stored was removed in between.
      const message = "an event was removed while it was sent again";
      pending.fail(slice, new DbError("transient", message, "", ""));
    }
  }
}

const STORED: ItemOutcome = { kind: "stored" };

function repeatOutcome(found: ProbedEvent | undefined): ItemOutcome | null {
  if (found === undefined) return null;
  if (found.own) return STORED;
  const { firstState, firstUs, sameAttributes } = found;
  return found.same
    ? { kind: "duplicate", firstState, firstUs, sameAttributes }
    : { kind: "conflict", firstState, firstUs };
}

function refusedOutcome(
  { refused }: EventBatch,
  { repeatCounts }: EventInsertOutcome,
  place: number,
): ItemOutcome {
  const repeatCount = repeatCounts[place] ?? 1;
  return {
    kind: "refused",
    repeatCount,
    repeatedBefore: repeatCount > (refused[place]?.repeats ?? 1),
  };
}
