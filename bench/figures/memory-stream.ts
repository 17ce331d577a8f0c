/** Memory of the server while it takes two million results. */
import type { Figure } from "../figure.js";
import { residentMiB } from "../server.js";
import { upload } from "./ingest-stream.js";

/** `memory.stream`: the highest resident size, and that of the second million against the first. */
export const memoryStream: Figure = {
  name: "memory.stream",
  description: "highest resident memory of the server over 2 million results in streams",
  async measure(server, isSmoke) {
    const half = isSmoke ? 10_000 : 1_000_000;
    const { token } = await server.newProject();
    const first = await highestMiB(server.pid, () => upload(server, token, half));
    const second = await highestMiB(server.pid, async () => {
      const other = await server.newProject();
      return upload(server, other.token, half);
    });
    const sent = `2 × ${half} results, 2 streams`;
    return [
      {
        name: "memory.stream",
        value: Math.max(first, second),
        unit: "MiB",
        limit: null,
        conditions: sent,
      },
      {
        name: "memory.stream.growth",
        value: second,
        unit: "MiB",
        limit: first,
        conditions: `${sent}; the second half against the first`,
      },
    ];
  },
};

/** Samples ten times a second. */
async function highestMiB(pid: number, work: () => Promise<unknown>): Promise<number> {
  let highest = 0;
  const sample = async () => {
    highest = Math.max(highest, await residentMiB(pid));
  };
  const timer = setInterval(sample, 100);
  await work();
  clearInterval(timer);
  await sample();
  return highest;
}
