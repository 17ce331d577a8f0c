/** Folded figures against a recount of the rows: as they stand, and when everything is folded. */
import { Connection } from "../../src/db/client.js";
import { recountedProjects } from "../../src/db/recount.js";
import { withSnapshot } from "../../src/db/snapshot.js";
import { createComparison } from "../../src/stats/recount/differences.js";
import { recountProject } from "../../src/stats/recount/recount-project.js";
import { foldAll } from "../support/fold-all.js";

/** A line for every figure that differs, and one if something cannot be folded. */
export async function compareFigures(databaseUrl: string): Promise<string[]> {
  const before = await differences(databaseUrl);
  await using db = new Connection({ url: databaseUrl, prepare: false });
  const unfolded = (await foldAll(db)) ? [] : ["something cannot be folded"];
  return [...before, ...unfolded, ...(await differences(databaseUrl))];
}

/** Of every project. */
async function differences(databaseUrl: string): Promise<string[]> {
  const lines: string[] = [];
  const comparison = createComparison(({ figure, key, stored, recounted }) => {
    lines.push(`${figure} of ${key} is ${stored}, a recount ${recounted}`);
  });
  await withSnapshot(databaseUrl, async (snapshot) => {
    for await (const { projectKey } of recountedProjects(snapshot, null)) {
      await recountProject(snapshot, projectKey, comparison);
    }
  });
  return lines;
}
