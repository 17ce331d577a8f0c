/** Rows that wait for a lane, by project: projects take turns, a statement's rows at a time. */
import type { Job, Pending, Slice } from "./job.js";

export interface Turns<J extends Job, Part> {
  /** Rows that no statement has taken. */
  readonly rows: number;
  readonly isEmpty: boolean;
  /** Several projects have written within the last second. */
  readonly isShared: boolean;
  add(pending: Pending<J, Part>): void;
  /** Puts back the halves of a statement that could not be stored whole, before what came after it. */
  putBack(projectKey: string, halves: readonly (readonly Slice<J, Part>[])[]): void;
  /** The slices of the next statement; its project goes to the end of the line. Undefined if nobody may. */
  take(mayTake: (projectKey: string) => boolean): Turn<J, Part> | undefined;
}

export interface Turn<J extends Job, Part> {
  readonly projectKey: string;
  readonly slices: readonly Slice<J, Part>[];
}

/** Rows of one statement: more are no cheaper each. */
const ROWS_PER_STATEMENT = 5_000;
/** While several projects write: a fifth of the time is how long one waits for another's statement. */
const SHARED_ROWS_PER_STATEMENT = 1_000;
/** How long after another project's rows a writer counts as shared. */
const SHARED_MS = 1_000;
/** Slices of one statement: each is a row of the ledger, or a few. */
const SLICES_PER_STATEMENT = 256;

interface Waiting<J extends Job, Part> {
  readonly halves: (readonly Slice<J, Part>[])[];
  readonly jobs: Pending<J, Part>[];
}

/** Nobody waits yet. */
export function createTurns<J extends Job, Part>(now: () => number): Turns<J, Part> {
  /** Projects with waiting rows, in the order of their turns. */
  const line = new Map<string, Waiting<J, Part>>();
  let rows = 0;
  let lastProject: string | undefined;
  let sharedUntil = Number.NEGATIVE_INFINITY;

  const waitingOf = (projectKey: string): Waiting<J, Part> => {
    const known = line.get(projectKey);
    if (known !== undefined) return known;
    const waiting: Waiting<J, Part> = { halves: [], jobs: [] };
    line.set(projectKey, waiting);
    return waiting;
  };
  const noteProject = ({ projectKey }: Job) => {
    if (projectKey === lastProject) return;
    if (lastProject !== undefined) sharedUntil = now() + SHARED_MS;
    lastProject = projectKey;
  };
  const isShared = () => now() < sharedUntil;
  const takeJobs = (jobs: Pending<J, Part>[]): Slice<J, Part>[] => {
    const maxRows = isShared() ? SHARED_ROWS_PER_STATEMENT : ROWS_PER_STATEMENT;
    const slices: Slice<J, Part>[] = [];
    let taken = 0;
    for (let head = jobs[0]; head !== undefined; head = jobs[0]) {
      const from = head.taken;
      const to = Math.min(head.job.rows.length, from + maxRows - taken);
      slices.push({ pending: head, from, to });
      taken += to - from;
      head.taken = to;
      if (to < head.job.rows.length) break;
      jobs.shift();
      if (taken === maxRows || slices.length === SLICES_PER_STATEMENT) break;
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
