/** Opens runs and their parts: stored once, compared ever after, remembered by the server. */
import { createBoundedCache } from "../bounded-cache.js";
import type { Queryable } from "../db/queryable.js";
import { type RetryOptions, withRetries } from "../db/retry.js";
import { addPart, type PartRow } from "../db/run-parts.js";
import { insertRun, mergeRun, type RunFacts, readRun, type StoredRun } from "../db/runs.js";
import type { Violation } from "../errors.js";
import { addsTo, runConflicts, storedOtherwise } from "./run-facts.js";

export interface OpenedRun {
  readonly runKey: string;
  readonly runDay: string;
  /** The run was known before. */
  readonly duplicate: boolean;
  /** The facts that are not stored as they were given; paths are those of the run, or `part.…`. */
  readonly conflicts: readonly Violation[];
  /** A part was added to a known run: its state may change. */
  readonly unsettled: boolean;
}

/** Why a run takes nothing: its project is gone, it is a tombstone, or the part is new and it has as many as it may. */
export type ClosedDoor = "project-gone" | "deleted" | "expired" | "full";

export interface RunDirectory {
  /** The run with this part, stored if it is new. */
  open(
    projectKey: string,
    runId: string,
    facts: RunFacts,
    part: PartRow,
    retry: RetryOptions,
  ): Promise<OpenedRun | ClosedDoor>;
  /** Forgets a run: a statement found it deleted or expired. */
  forget(projectKey: string, runId: string): void;
}

/** What is remembered of a run; its facts only ever gain what is absent, so they stay true. */
interface Known {
  run: StoredRun;
  /** Shard totals by part. */
  readonly parts: Map<string, { shardTotal: number; streamed: boolean }>;
}

/** About 1 KiB an entry. */
const REMEMBERED_RUNS = 10_000;
/** Parts of one remembered run; beyond it they are asked for again. */
const REMEMBERED_PARTS = 1_000;

/** A directory over the database. `drawKey` draws 63 random bits, in decimal. */
export function createRunDirectory(db: Queryable, drawKey: () => string): RunDirectory {
  const remembered = createBoundedCache<string, Known>(REMEMBERED_RUNS);

  const open: RunDirectory["open"] = async (projectKey, runId, facts, part, retry) => {
    const cacheKey = `${projectKey}:${runId}`;
    let known = remembered.get(cacheKey);
    let duplicate = true;
    if (known === undefined) {
      const { deadlineAt } = retry;
      const openKey = drawKey();
      const inserted = await withRetries(
        () => insertRun(db, projectKey, runId, openKey, facts, part, deadlineAt),
        retry,
      );
      if (inserted !== null) {
        const run = { openKey, deleted: false, expired: false, ...facts, ...inserted };
        known = { run, parts: new Map() };
        rememberPart(known, part, part.shardTotal);
        remembered.set(cacheKey, known);
        return { duplicate: false, conflicts: [], unsettled: false, ...inserted };
      }
      const run = await withRetries(() => readRun(db, projectKey, runId, deadlineAt), retry);
      if (run === null) return "project-gone";
      if (run.deleted) return "deleted";
      if (run.expired) return "expired";
      // Ours, if the answer to its COMMIT was lost.
      duplicate = run.openKey !== openKey;
      known = { run, parts: new Map() };
      remembered.set(cacheKey, known);
    }
    // The part comes first: of a call that a full run refuses, nothing is stored.
    const opened = knownPart(known, part) ?? (await openPart(projectKey, known, part, retry));
    if (opened === "full") return "full";
    if (opened === null) {
      // It was deleted or expired since it was read: asked anew, the database says which.
      remembered.delete(cacheKey);
      return open(projectKey, runId, facts, part, retry);
    }
    if (addsTo(facts, known.run)) {
      const merged = await withRetries(
        () => mergeRun(db, projectKey, runId, facts, retry.deadlineAt),
        retry,
      );
      if (merged === null) {
        remembered.delete(cacheKey);
        return open(projectKey, runId, facts, part, retry);
      }
      known.run = merged;
    }
    const { shardTotal, added } = opened;
    const conflicts = runConflicts(facts, known.run);
    if (shardTotal !== part.shardTotal) conflicts.push(storedOtherwise("part.shard_total"));
    const { runKey, runDay } = known.run;
    return { runKey, runDay, duplicate, conflicts, unsettled: added };
  };

  const openPart = async (
    projectKey: string,
    known: Known,
    part: PartRow,
    retry: RetryOptions,
  ): Promise<OpenedPart | "full" | null> => {
    const answer = await withRetries(
      () => addPart(db, projectKey, known.run.runKey, part, retry.deadlineAt),
      retry,
    );
    if (answer !== null && answer !== "full") rememberPart(known, part, answer.shardTotal);
    return answer;
  };

  return {
    open,
    forget: (projectKey, runId) => remembered.delete(`${projectKey}:${runId}`),
  };
}

interface OpenedPart {
  readonly shardTotal: number;
  readonly added: boolean;
}

function knownPart({ parts }: Known, { partId, streamed }: PartRow): OpenedPart | undefined {
  const stored = parts.get(partKey(partId));
  if (stored === undefined || (streamed && !stored.streamed)) return undefined;
  return { shardTotal: stored.shardTotal, added: false };
}

function rememberPart(known: Known, part: PartRow, shardTotal: number): void {
  if (known.parts.size >= REMEMBERED_PARTS) known.parts.clear();
  known.parts.set(partKey(part.partId), { shardTotal, streamed: part.streamed });
}

/** A character for each byte. */
function partKey(id: Uint8Array): string {
  return Buffer.from(id.buffer, id.byteOffset, id.byteLength).toString("latin1");
}
