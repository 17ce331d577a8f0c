/** Takes stored results into the figures of runs, projects, tests and failures, and moves their windows on. */

import { readToday } from "../db/fold-version.js";
import type { Queryable } from "../db/queryable.js";
import { withRetries } from "../db/retry.js";
import { projectsWithTestsBehind, projectsWithUnfoldedResults } from "../db/work.js";
import type { FoldOptions, FoldOutcome } from "../stats/fold/fold-outcome.js";
import { foldNext, moveNextWindows } from "../stats/fold/fold-project.js";
import type { Job } from "./job.js";
import type { JobDeps } from "./job-deps.js";

const PROJECTS_PER_READ = 1_000;
/** Of one step. */
const STEP_MS = 60_000;
/** How often windows are looked for that a step left behind which began before midnight: once a minute. */
const ROUNDS_PER_LOOK = 20;
/** A round ends for a project whose queue grows as fast as it is folded; the next one goes on. */
const STEPS_PER_ROUND = 100;

export interface FoldResultsOptions {
  /** The day that is today, given the one by the database's clock; default: that one. */
  readonly todayOf?: (databaseDay: number) => number;
}

/** One step for a project. */
type Step = (db: Queryable, projectKey: string, options: FoldOptions) => Promise<FoldOutcome>;

/** The job. Projects take turns, a step each. */
export function foldResults(
  { db, log, now, random }: JobDeps,
  options: FoldResultsOptions = {},
): Job {
  const { todayOf = (day) => day } = options;
  /** Up to which day all windows have moved on. */
  let movedTo = Number.NEGATIVE_INFINITY;

  let round = 0;

  /** What is wrong with one project keeps no other waiting. */
  const tryStep = async (projectKey: string, step: Step): Promise<FoldOutcome | "failed"> => {
    const deadlineAt = now() + STEP_MS;
    try {
      return await withRetries(() => step(db, projectKey, { deadlineAt, todayOf }), {
        deadlineAt,
        random,
      });
    } catch (error) {
      log.warn({ event: "fold_failed", project_key: projectKey, err: error });
      return "failed";
    }
  };

  /** Whether all projects are done. */
  const takeTurns = async (found: readonly string[], step: Step) => {
    let isDone = true;
    let projects = found;
    for (let turn = 0; projects.length > 0 && turn < STEPS_PER_ROUND; turn++) {
      const unfinished: string[] = [];
      for (const projectKey of projects) {
        const outcome = await tryStep(projectKey, step);
        // Whoever is faster goes on. What has come since a step began waits for the next round: most of its tests
        // will have more results by then, and what a step costs is reading and writing each of its tests once.
        if (outcome === "folded" || outcome === "again") unfinished.push(projectKey);
        else if (outcome === "raced" || outcome === "failed") isDone = false;
      }
      projects = unfinished;
    }
    return isDone && projects.length === 0;
  };
  const forEachPage = async (read: (afterKey: string) => Promise<string[]>, step: Step) => {
    let isDone = true;
    let projects: string[] = [];
    do {
      projects = await read(projects.at(-1) ?? "0");
      isDone = (await takeTurns(projects, step)) && isDone;
    } while (projects.length === PROJECTS_PER_READ);
    return isDone;
  };
  return {
    name: "fold-results",
    everyMs: 3_000,
    async runOnce() {
      await forEachPage(
        (afterKey) => projectsWithUnfoldedResults(db, afterKey, PROJECTS_PER_READ),
        foldNext,
      );
      const today = todayOf(await readToday(db));
      if (today === movedTo && round++ % ROUNDS_PER_LOOK !== 0) return;
      const isDone = await forEachPage(
        (afterKey) => projectsWithTestsBehind(db, afterKey, today, PROJECTS_PER_READ),
        moveNextWindows,
      );
      if (isDone) movedTo = today;
    },
  };
}
