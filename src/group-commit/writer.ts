/**
 * Group commit. Callers hand in rows of one project; lanes, one connection each, take turns over
 * the projects that wait and put up to 5,000 rows of one project into one statement. No timer gathers rows: a
 * free lane starts at the end of the turn of the event loop, so that callers who come together share a
 * statement, and while all are busy the next batch grows. Every caller learns exactly what became of its
 * own rows.
 */
import type { Queryable } from "../db/queryable.js";
import { type CommitHooks, type CommitOptions, commitSlices, type Store } from "./commit-slices.js";
import { createPending, type Job } from "./job.js";
import { createRests } from "./rests.js";
import { createTurns, type Turn } from "./turns.js";

export interface WriterOptions<J extends Job, Part> extends CommitOptions {
  readonly store: Store<J, Part>;
  /** One connection each. */
  readonly lanes: readonly Queryable[];
  readonly hooks: WriterHooks;
}

/** What the writer tells to metrics. */
export interface WriterHooks extends CommitHooks {
  queued(rows: number): void;
  lanes(busy: number, all: number): void;
}

export interface Writer<J extends Job, Part> extends AsyncDisposable {
  /** What became of the rows, in any order, once all are committed or refused. Throws what the store throws. */
  write(job: J): Promise<readonly Part[]>;
}

/** A writer over lanes. Disposing it waits for what is queued. */
export function createWriter<J extends Job, Part>(
  options: WriterOptions<J, Part>,
): Writer<J, Part> {
  const { lanes, hooks, store } = options;
  const turns = createTurns<J, Part>(options.now);
  const rests = createRests(options.now);
  const free = new Set(lanes);
  /** Statements under way, by project. */
  const underWay = new Map<string, number>();
  /** Projects that have stored much, and leave the lanes to others for some milliseconds. */
  const resting = new Set<string>();
  let starting = false;
  let idle: (() => void) | undefined;

  const startLanesSoon = () => {
    if (starting || free.size === 0) return;
    starting = true;
    setImmediate(startLanes);
  };
  const startLanes = () => {
    starting = false;
    for (const lane of [...free]) void runLane(lane);
  };
  const runLane = async (lane: Queryable) => {
    free.delete(lane);
    hooks.lanes(lanes.length - free.size, lanes.length);
    for (let turn = takeTurn(); turn !== undefined; turn = takeTurn()) {
      hooks.queued(turns.rows);
      await commitTurn(lane, turn);
    }
    free.add(lane);
    hooks.lanes(lanes.length - free.size, lanes.length);
    if (free.size === lanes.length && turns.isEmpty) idle?.();
  };
  const commitTurn = async (lane: Queryable, { projectKey, slices }: Turn<J, Part>) => {
    underWay.set(projectKey, (underWay.get(projectKey) ?? 0) + 1);
    const startedAt = options.now();
    turns.putBack(projectKey, await commitSlices(lane, slices, store, options));
    const left = (underWay.get(projectKey) ?? 1) - 1;
    if (left > 0) underWay.set(projectKey, left);
    else underWay.delete(projectKey);
    const rows = slices.reduce((sum, { from, to }) => sum + to - from, 0);
    const restMs = rests.after(rows, options.now() - startedAt);
    if (turns.isShared && restMs > 0) rest(projectKey, restMs);
  };
  const rest = (projectKey: string, ms: number) => {
    resting.add(projectKey);
    setTimeout(() => {
      resting.delete(projectKey);
      startLanesSoon();
    }, ms);
  };
  /** While several projects write, none has the last lane besides those it has: others find one free. */
  const takeTurn = () => {
    const maxLanes = turns.isShared ? Math.max(1, lanes.length - 1) : lanes.length;
    return turns.take(
      (projectKey) => !resting.has(projectKey) && (underWay.get(projectKey) ?? 0) < maxLanes,
    );
  };

  return {
    write(job) {
      if (job.rows.length === 0) return Promise.resolve([]);
      return new Promise((resolve, reject) => {
        turns.add(createPending<J, Part>(job, resolve, reject));
        hooks.queued(turns.rows);
        startLanesSoon();
      });
    },
    async [Symbol.asyncDispose]() {
      if (free.size === lanes.length && turns.isEmpty) return;
      await new Promise<void>((resolve) => {
        idle = resolve;
      });
    },
  };
}
