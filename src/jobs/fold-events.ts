/** Takes stored events into their figures. Answers add what is not folded yet, so that nobody waits for it. */
import { type EventGroup, foldEvents as foldStored, unfoldedGroups } from "../db/event-folds.js";
import { withRetries } from "../db/retry.js";
import { projectsWithUnfoldedEvents } from "../db/work.js";
import { eachProject } from "./each-project.js";
import type { Job } from "./job.js";
import type { JobDeps } from "./job-deps.js";

const NAME = "fold-events";
/** Of one statement: what it sorts and adds up stays within 4 MB of work_mem. */
const EVENTS_PER_STATEMENT = 10_000;
const GROUPS_PER_ROUND = 10_000;
const STATEMENT_MS = 30_000;
/**
 * A group is folded once it has so many events: the more of them have a path or a user in common, the fewer
 * rows are written. An answer looks this many users up in 5 to 10 ms.
 */
const EVENTS_PER_GROUP = 250;
/** Every so often, which is once in 10 s, groups with fewer are folded too. */
const ROUNDS_PER_FULL_ROUND = 20;

/** The job. The first of its rounds folds everything. */
export function foldEvents({ db, log, now, random }: JobDeps): Job {
  let round = 0;
  const foldProject = async (projectKey: string, minEvents: number) => {
    const groups = await unfoldedGroups(db, projectKey, minEvents, GROUPS_PER_ROUND);
    for (const chunk of chunks(groups)) {
      // As often as it takes for what was there: what has come since may wait.
      for (let events = chunk.events; events > 0; events -= EVENTS_PER_STATEMENT) {
        const more = await withRetries(
          () => foldStored(db, projectKey, chunk.groups, EVENTS_PER_STATEMENT),
          { deadlineAt: now() + STATEMENT_MS, random },
        );
        if (!more) break;
      }
    }
  };
  return {
    name: NAME,
    everyMs: 500,
    async runOnce() {
      const minEvents = round++ % ROUNDS_PER_FULL_ROUND === 0 ? 0 : EVENTS_PER_GROUP;
      await eachProject(
        NAME,
        log,
        (after, limit) => projectsWithUnfoldedEvents(db, after, limit),
        (projectKey) => foldProject(projectKey, minEvents),
      );
    },
  };
}

/** The groups, as many together as one statement folds. */
function chunks(
  groups: readonly (EventGroup & { readonly events: number })[],
): { groups: EventGroup[]; events: number }[] {
  const made: { groups: EventGroup[]; events: number }[] = [];
  for (const group of groups) {
    const last = made.at(-1);
    if (last !== undefined && last.events + group.events <= EVENTS_PER_STATEMENT) {
      last.groups.push(group);
      last.events += group.events;
    } else {
      made.push({ groups: [group], events: group.events });
    }
  }
  return made;
}
