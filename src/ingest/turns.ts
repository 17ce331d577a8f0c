/** Rows that wait for a lane, by project: projects take turns, a statement's rows at a time. */
import type { Pending, Slice, WriteJob } from "./write-job.js";

export interface Turns {
  /** Rows that no statement has taken. */
  readonly rows: number;
  readonly isEmpty: boolean;
  /** Several projects have written within the last second. */
  readonly isShared: boolean;
  add(pending: Pending): void;
  /** Puts back the halves of a statement that could not be stored whole, before what came after it. */
  putBack(projectKey: string, halves: readonly (readonly Slice[])[]): void;
  /** The slices of the next statement; its project goes to the end of the line. Undefined if nobody may. */
  take(mayTake: (projectKey: string) => boolean): Turn | undefined;
}

export interface Turn {
  readonly projectKey: string;
  readonly slices: readonly Slice[];
}

/** Rows of one statement: more are no cheaper each. */
const ROWS_PER_STATEMENT = 5_000;
/** While several projects write: a fifth of the time is how long one waits for another's statement. */
const SHARED_ROWS_PER_STATEMENT = 1_000;
/** How long after another project's rows a writer counts as shared. */
const SHARED_MS = 1_000;
/** Groups of one statement: each is a row of the ledger. */
const GROUPS_PER_STATEMENT = 256;

interface Waiting {
  readonly halves: (readonly Slice[])[];
  readonly jobs: Pending[];
}

/** Nobody waits yet. */
export function createTurns(now: () => number): Turns {
  /** Projects with waiting rows, in the order of their turns. */
  const line = new Map<string, Waiting>();
  let rows = 0;
  let lastProject: string | undefined;
  let sharedUntil = Number.NEGATIVE_INFINITY;

  const waitingOf = (projectKey: string): Waiting => {
    const known = line.get(projectKey);
    if (known !== undefined) return known;
    const waiting: Waiting = { halves: [], jobs: [] };
    line.set(projectKey, waiting);
    return waiting;
  };
  const noteProject = ({ projectKey }: WriteJob) => {
    if (projectKey === lastProject) return;
    if (lastProject !== undefined) sharedUntil = now() + SHARED_MS;
    lastProject = projectKey;
  };
  const isShared = () => now() < sharedUntil;
  const takeJobs = (jobs: Pending[]): Slice[] => {
    const maxRows = isShared() ? SHARED_ROWS_PER_STATEMENT : ROWS_PER_STATEMENT;
    const slices: Slice[] = [];
    let taken = 0;
    for (let head = jobs[0]; head !== undefined; head = jobs[0]) {
      const from = head.taken;
      const to = Math.min(head.job.rows.length, from + maxRows - taken);
      slices.push({ pending: head, from, to });
      taken += to - from;
      head.taken = to;
      if (to < head.job.rows.length) break;
      jobs.shift();
      if (taken === maxRows || slices.length === GROUPS_PER_STATEMENT) break;
    }
    rows -= taken;
    return slices;
  };

  return {
    get rows() {
      return rows;
    },
    get isEmpty() {
      return line.size === 0;
    },
    get isShared() {
      return isShared();
    },
    add(pending) {
      const { job } = pending;
      noteProject(job);
      waitingOf(job.projectKey).jobs.push(pending);
      rows += job.rows.length;
    },
    putBack(projectKey, halves) {
      if (halves.length > 0) waitingOf(projectKey).halves.unshift(...halves);
    },
    take(mayTake) {
      for (const [projectKey, waiting] of line) {
        if (!mayTake(projectKey)) continue;
        line.delete(projectKey);
        const slices = waiting.halves.shift() ?? takeJobs(waiting.jobs);
        if (waiting.halves.length > 0 || waiting.jobs.length > 0) line.set(projectKey, waiting);
        return { projectKey, slices };
      }
      return undefined;
    },
  };
}
