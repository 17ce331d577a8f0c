/** Results by run sessions, end to end, in turns with the same results by uploads. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { createTallyClient, openRun } from "../../src/client/index.js";
import { type Figure, secondsOf } from "../figure.js";
import { result, TESTS } from "../results.js";
import { type BenchServer, residentMiB } from "../server.js";
import { upload } from "./ingest-stream.js";

const SESSIONS = 2;
/** What a host adds before it lets the event loop turn. */
const BURST = 500;

/** `session.stream`, its ratio to uploads, and the memory of the process that adds the results. */
export const sessionStream: Figure = {
  name: "session.stream",
  description: "results a second through 2 run sessions, added as fast as the host can",
  async measure(server, isSmoke) {
    const rounds = isSmoke ? 1 : 4;
    const total = isSmoke ? 20_000 : 1_000_000;
    const share = total / rounds;
    const seconds = { session: 0, upload: 0 };
    const highest: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const { token } = await server.newProject();
      await upload(server, token, TESTS, "warm-up");
      seconds.upload += await secondsOf(() => upload(server, token, share, "upload"));
      let most = 0;
      const sampling = setInterval(async () => {
        most = Math.max(most, await residentMiB(process.pid));
      }, 50);
      seconds.session += await secondsOf(() => report(server, token, share));
      clearInterval(sampling);
      highest.push(most);
    }
    const value = total / seconds.session;
    const sent = `${rounds} × ${share} results, ${SESSIONS} sessions, ${TESTS} known tests`;
    return [
      {
        name: "session.stream",
        value,
        unit: "results/s",
        limit: total / seconds.upload,
        conditions: `${sent}; limit: the same by uploadResults, ${SESSIONS} streams`,
      },
      {
        name: "session.memory",
        value: highest.at(-1) ?? 0,
        unit: "MiB",
        limit: highest[0] ?? 0,
        conditions: `${sent}; highest resident memory of the adding process in the last round; limit: in the first`,
      },
    ];
  },
};

/** Adds results 0 to `total` - 1 in equal shares, each session to a run of its own, and waits until all is stored. */
async function report(server: BenchServer, token: string, total: number): Promise<void> {
  const spoolDir = await mkdtemp(join(tmpdir(), "tally-bench-spool-"));
  const client = createTallyClient({ url: server.url, token });
  const share = Math.floor(total / SESSIONS);
  const sessions = Array.from({ length: SESSIONS }, (_, i) =>
    openRun({ client, run: { runId: `session ${i}` }, spoolDir }),
  );
  for (let i = 0; i < share; i++) {
    for (const session of sessions) session.add(result(i));
    if (i % BURST === BURST - 1) await turn();
  }
  const summaries = await Promise.all(
    sessions.map((session) => session.close({ deadlineMs: 600_000 })),
  );
  client.close();
  await rm(spoolDir, { recursive: true, force: true });
  const stored = summaries.reduce((sum, s) => sum + s.acknowledged - s.duplicate, 0);
  if (stored !== total) throw new Error(`${stored} of ${total} results were stored`);
}
