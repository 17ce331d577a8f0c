/**
 * Workers that process queued events: woken by NOTIFY, and by themselves in case it was missed. A round of one
 * worker takes the projects in turns, a statement's events at a time. Between rounds it rests: while events come
 * one by one they gather, and a statement for a few costs no more than one for each.
 */
import { projectsWithDueEvents } from "../db/inbox.js";
import type { Listener } from "../db/listener.js";
import { type InboxOptions, workInbox } from "../events/inbox.js";
import type { Logger } from "../log.js";
import { forProjects } from "./for-projects.js";

export interface InboxWorkersOptions extends InboxOptions {
  readonly workers: number;
  /** Calls back when something is queued, for as long as its connection lasts. */
  readonly listener: (onNotify: () => void) => Listener;
  readonly log: Logger;
  /** Longest time until a worker looks again by itself. */
  readonly pollMs: number;
  /** How long events gather after a worker has found few, or was woken. */
  readonly restMs: number;
}

const NAME = "work-inbox";
/** Events of a round after which the next begins at once: there are probably more. */
const MANY_EVENTS = 1_000;

/** Runs the workers until the answer is disposed, which waits for statements under way. */
export function startInboxWorkers(options: InboxWorkersOptions): AsyncDisposable {
  const { workers, pollMs, restMs, log } = options;
  const bell = createBell();
  const rest = createBell();
  const listener = options.listener(bell.ring);
  let stopped = false;
  const warn = (error: unknown) => {
    if (!stopped) log.warn({ event: "job_failed", job: NAME, err: error });
    return 0;
  };
  const listen = async () => {
    while (!stopped) {
      const rung = bell.wait(pollMs);
      await listener.listen().catch(warn);
      await rung;
    }
  };
  const work = async () => {
    while (!stopped) {
      const rung = bell.wait(pollMs);
      const taken = await workRound(options, () => stopped).catch(warn);
      if (taken === 0) await rung;
      if (taken < MANY_EVENTS && !stopped) await rest.wait(restMs);
    }
  };
  const loops = workers === 0 ? [] : [listen()];
  for (let i = 0; i < workers; i++) loops.push(work());
  return {
    async [Symbol.asyncDispose]() {
      stopped = true;
      bell.ring();
      rest.ring();
      await Promise.all(loops);
      await listener[Symbol.asyncDispose]();
    },
  };
}

/** One turn of each project that has events due, until it is stopped; how many were taken. */
async function workRound(options: InboxWorkersOptions, isStopped: () => boolean): Promise<number> {
  let taken = 0;
  const projects = await projectsWithDueEvents(options.db);
  await forProjects(NAME, options.log, projects, async (projectKey) => {
    if (!isStopped()) taken += await workInbox(options, projectKey);
  });
  return taken;
}

interface Bell {
  readonly ring: () => void;
  /** Resolves at the next ring, or after the time. */
  wait(ms: number): Promise<void>;
}

function createBell(): Bell {
  const waiting = new Set<() => void>();
  return {
    ring() {
      for (const wake of [...waiting]) wake();
    },
    wait(ms) {
      return new Promise((resolve) => {
        const wake = () => {
          clearTimeout(timer);
          waiting.delete(wake);
          resolve();
        };
        const timer = setTimeout(wake, ms);
        waiting.add(wake);
      });
    },
  };
}
