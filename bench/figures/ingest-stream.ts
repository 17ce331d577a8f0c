/** Results by acknowledged streams, end to end; and the same streams sent again. */
import { createTallyClient, type UploadSummary, uploadResults } from "../../src/client/index.js";
import { type Figure, secondsOf } from "../figure.js";
import { measureRowLimits } from "../limits/stored-rows.js";
import { results, TESTS } from "../results.js";
import { type BenchServer, residentMiB } from "../server.js";

const STREAMS = 2;

/** `ingest.stream`, its ratio to the bare insert, and `ingest.replay`. */
export const ingestStream: Figure = {
  name: "ingest.stream",
  description: "results a second through 2 streams of the typed client, committed and acknowledged",
  async measure(server, isSmoke) {
    const rounds = isSmoke ? 1 : 3;
    const total = isSmoke ? 20_000 : 300_000;
    const seconds = { stream: 0, copy: 0, insert: 0, replay: 0 };
    for (let round = 0; round < rounds; round++) {
      const { projectId, token } = await server.newProject();
      // The tests become known, as those of a project are, and the machine warms up.
      await upload(server, token, TESTS, "warm-up");
      seconds.stream += await secondsOf(async () => {
        const { accepted } = await upload(server, token, total);
        if (accepted !== total) throw new Error(`${accepted} of ${total} results were stored`);
      });
      seconds.replay += await secondsOf(async () => {
        const { duplicate } = await upload(server, token, total);
        if (duplicate !== total) throw new Error(`${duplicate} of ${total} results were known`);
      });
      const limits = await measureRowLimits(server.databaseUrl, projectId);
      seconds.copy += total / limits.copy;
      seconds.insert += total / limits.insert;
    }
    const rate = (work: keyof typeof seconds) => (total * rounds) / seconds[work];
    const unit = "results/s";
    const value = rate("stream");
    const rss = await residentMiB(server.pid);
    const sent = `${rounds} × ${total} results, ${STREAMS} streams, ${TESTS} known tests, 2 % failing`;
    return [
      {
        name: "ingest.stream",
        value,
        unit,
        limit: rate("copy"),
        conditions: `${sent}; limit: COPY of the same rows by 2 connections; server at ${rss} MiB`,
      },
      {
        name: "ingest.stream.insert",
        value,
        unit,
        limit: rate("insert"),
        conditions: `${sent}; limit: INSERT … unnest of the same rows by 2 connections`,
      },
      {
        name: "ingest.replay",
        value: rate("replay"),
        unit,
        limit: value,
        conditions: `${sent}, all of them stored before; limit: storing them`,
      },
    ];
  },
};

/** Sends results 0 to `total` - 1 in equal shares, each stream to a run of its own. */
export async function upload(server: BenchServer, token: string, total: number, runs = "run") {
  const client = createTallyClient({ url: server.url, token });
  const share = Math.floor(total / STREAMS);
  const summaries = await Promise.all(
    Array.from({ length: STREAMS }, (_, stream) =>
      uploadResults(client, { run: { runId: `${runs} ${stream}` } }, results(share)),
    ),
  );
  client.close();
  const sum = (count: (summary: UploadSummary) => number) =>
    summaries.reduce((before, summary) => before + count(summary), 0);
  return { accepted: sum((s) => s.acceptedCount), duplicate: sum((s) => s.duplicateCount) };
}
