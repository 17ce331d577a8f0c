/** Takes a job through projects of which there may be many. */
import type { Logger } from "../log.js";
import { forProjects } from "./for-projects.js";

/** Projects that a read finds at once. */
const PROJECTS_PER_READ = 1_000;

/** `forProjects` with each project that `find` finds; it finds them in the order of their keys. */
export async function eachProject(
  job: string,
  log: Logger,
  find: (afterKey: string, limit: number) => Promise<string[]>,
  work: (projectKey: string) => Promise<void>,
): Promise<void> {
  let found: string[] = [];
  do {
    found = await find(found.at(-1) ?? "0", PROJECTS_PER_READ);
    await forProjects(job, log, found, work);
  } while (found.length === PROJECTS_PER_READ);
}
