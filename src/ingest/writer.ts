/**
 * Group commit. Callers hand in rows of one run, part and token; lanes, one connection each, take turns over
 * the projects that wait and put up to 5,000 rows of one project into one statement. There is no timer: a
 * free lane starts at the end of the turn of the event loop, so that callers who come together share a
 * statement, and while all are busy the next batch grows. Every caller learns exactly what became of its
 * own rows.
 */
import type { Queryable } from "../db/queryable.js";
import { type CommitHooks, type CommitOptions, commitSlices } from "./commit.js";
import {
  createPending,
  NOTHING_WRITTEN,
  type Pending,
  type Slice,
  type WriteJob,
  type WriteOutcome,
} from "./write-job.js";

export interface WriterOptions extends CommitOptions {
  /** One connection each. */
  readonly lanes: readonly Queryable[];
  readonly hooks: WriterHooks;
}

/** What the writer tells to metrics. */
export interface WriterHooks extends CommitHooks {
  queued(rows: number): void;
  lanes(busy: number, all: number): void;
}

export interface Writer extends AsyncDisposable {
  /** What became of the rows once all are committed or refused. Throws RunGone or DbError. */
  write(job: WriteJob): Promise<WriteOutcome>;
}

/** What a project waits with. */
interface Waiting {
  /** Of statements that could not be stored whole; they come before what came after them. */
  readonly halves: (readonly Slice[])[];
  readonly jobs: Pending[];
}

/** Rows of one statement: 5,000 cost about 60 ms, which bounds the wait for a turn. */
const ROWS_PER_STATEMENT = 5_000;
/** Groups of one statement: each is a row of the ledger. */
const GROUPS_PER_STATEMENT = 256;

/** A writer over lanes. Disposing it waits for what is queued. */
export function createWriter(options: WriterOptions): Writer {
  const { lanes, hooks } = options;
  /** Projects with waiting rows, in the order of their turns. */
  const turns = new Map<string, Waiting>();
  const free = [...lanes];
  let queuedRows = 0;
  let starting = false;
  let idle: (() => void) | undefined;

  const startLanesSoon = () => {
    if (starting || free.length === 0) return;
    starting = true;
    setImmediate(startLanes);
  };
  const startLanes = () => {
    starting = false;
    while (free.length > 0 && turns.size > 0) {
      const lane = free.pop();
      if (lane !== undefined) void runLane(lane);
    }
  };
  const runLane = async (lane: Queryable) => {
    hooks.lanes(lanes.length - free.length, lanes.length);
    for (let turn = takeTurn(); turn !== undefined; turn = takeTurn()) {
      const halves = await commitSlices(lane, turn.slices, options);
      if (halves.length > 0) waitingOf(turn.projectKey).halves.unshift(...halves);
    }
    free.push(lane);
    hooks.lanes(lanes.length - free.length, lanes.length);
    if (free.length === lanes.length) idle?.();
  };

  const waitingOf = (projectKey: string): Waiting => {
    const known = turns.get(projectKey);
    if (known !== undefined) return known;
    const waiting: Waiting = { halves: [], jobs: [] };
    turns.set(projectKey, waiting);
    return waiting;
  };

  /** The next project's rows, as many as a statement takes; the project goes to the end of the line. */
  const takeTurn = () => {
    const [turn] = turns;
    if (turn === undefined) return undefined;
    const [projectKey, waiting] = turn;
    turns.delete(projectKey);
    const slices = waiting.halves.shift() ?? takeJobs(waiting.jobs);
    if (waiting.halves.length > 0 || waiting.jobs.length > 0) turns.set(projectKey, waiting);
    return { projectKey, slices };
  };
  const takeJobs = (jobs: Pending[]): Slice[] => {
    const slices: Slice[] = [];
    let rows = 0;
    for (let head = jobs[0]; head !== undefined; head = jobs[0]) {
      const from = head.taken;
      const to = Math.min(head.job.rows.length, from + ROWS_PER_STATEMENT - rows);
      slices.push({ pending: head, from, to });
      rows += to - from;
      head.taken = to;
      if (to < head.job.rows.length) break;
      jobs.shift();
      if (rows === ROWS_PER_STATEMENT || slices.length === GROUPS_PER_STATEMENT) break;
    }
    queuedRows -= rows;
    hooks.queued(queuedRows);
    return slices;
  };

  return {
    write(job) {
      if (job.rows.length === 0) return Promise.resolve(NOTHING_WRITTEN);
      return new Promise((resolve, reject) => {
        waitingOf(job.projectKey).jobs.push(createPending(job, resolve, reject));
        queuedRows += job.rows.length;
        hooks.queued(queuedRows);
        startLanesSoon();
      });
    },
    async [Symbol.asyncDispose]() {
      if (free.length === lanes.length && turns.size === 0) return;
      await new Promise<void>((resolve) => {
        idle = resolve;
      });
    },
  };
}
