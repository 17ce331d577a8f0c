/** Settles runs, each by one call at a time: all of a run's parts are read for it, which takes 10 µs a part. */
import type { Queryable } from "../db/queryable.js";
import type { RetryOptions } from "../db/retry.js";
import { type SettledRun, settleRunState } from "./settle-run.js";

/**
 * The run as it stands after what its caller has committed, with its state stored: see settleRunState. Who comes while
 * the run is being settled waits for the next time, with all others who do; it lasts as long as the most patient allows.
 */
export type SettleRun = (
  projectKey: string,
  runKey: string,
  retry: RetryOptions,
) => Promise<SettledRun | null>;

interface Turn {
  readonly running: Promise<unknown>;
  /** Has not begun: it sees whatever was committed before someone asks for it. */
  next: { retry: RetryOptions; readonly settled: Promise<SettledRun | null> } | undefined;
}

/** A settler over the database. */
export function createRunSettler(db: Queryable): SettleRun {
  const turns = new Map<string, Turn>();

  const begin: SettleRun = (projectKey, runKey, retry) => {
    const key = `${projectKey}:${runKey}`;
    const running = settleRunState(db, projectKey, runKey, retry);
    const turn: Turn = { running, next: undefined };
    turns.set(key, turn);
    const end = () => {
      if (turn.next === undefined) turns.delete(key);
    };
    running.then(end, end);
    return running;
  };

  return (projectKey, runKey, retry) => {
    const turn = turns.get(`${projectKey}:${runKey}`);
    if (turn === undefined) return begin(projectKey, runKey, retry);
    if (turn.next === undefined) {
      const start = () => begin(projectKey, runKey, turn.next?.retry ?? retry);
      turn.next = { retry, settled: turn.running.then(start, start) };
    } else if (retry.deadlineAt > turn.next.retry.deadlineAt) turn.next.retry = retry;
    return turn.next.settled;
  };
}
