/** Projects that a read finds at once. */
const PROJECTS_PER_READ = 1_000;

/** Calls `work` with each project that `find` finds, one after the other; it finds them in the order of their keys. */
export async function eachProject(
  find: (afterKey: string, limit: number) => Promise<string[]>,
  work: (projectKey: string) => Promise<void>,
): Promise<void> {
  let found: string[] = [];
  do {
    found = await find(found.at(-1) ?? "0", PROJECTS_PER_READ);
    for (const projectKey of found) await work(projectKey);
  } while (found.length === PROJECTS_PER_READ);
}
