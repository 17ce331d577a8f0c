import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { startEmbeddedPostgres } from "../../src/embedded/postgres.js";
import { isRunning } from "../embedded/support.js";
import { CLIENT_COUNT } from "./clients.js";
import { FAULTS, type FaultKind } from "./faults.js";
import { runMix } from "./mix.js";

/** `TALLY_FAULT_SEED` repeats a run, `TALLY_FAULT_SECONDS` makes it longer. */
const seed = Number(process.env["TALLY_FAULT_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const seconds = Number(process.env["TALLY_FAULT_SECONDS"] ?? 60);
/** The supervision brings Postgres back so often; after a minute of health it begins to count anew. */
const KILLS_IN_A_ROW = 6;
const HEALTHY_AFTER_MS = 65_000;

it(
  "loses nothing and counts nothing twice in a mix of all faults",
  async () => {
    console.log(`TALLY_FAULT_SEED=${seed} repeats the order of these faults`);
    const folder = await mkdtemp(join(tmpdir(), "tally-faults-"));
    try {
      await using postgres = await startEmbeddedPostgres({
        dataDir: join(folder, "data"),
        // What a process wrote outlives it without the disk: only a power failure shows the difference.
        settings: { fsync: "off" },
      });
      let kills = 0;
      let killedAt = 0;
      const killPostgres = async () => {
        if (performance.now() - killedAt > HEALTHY_AFTER_MS) kills = 0;
        if (kills === KILLS_IN_A_ROW) return;
        kills++;
        killedAt = performance.now();
        if (isRunning(postgres.pid)) process.kill(postgres.pid, "SIGKILL");
      };
      const kinds = Object.keys(FAULTS) as FaultKind[];
      const databaseUrl = postgres.url;
      const outcome = await runMix({ databaseUrl, seed, seconds, kinds, killPostgres });
      console.log(outcome.summary);
      expect(outcome.violations).toEqual([]);
      expect(outcome.complaints).toEqual([]);
      const acknowledged = outcome.journal.acknowledgements.map(({ attempt }) => attempt.target);
      expect(new Set(acknowledged.map(({ part }) => part.job)).size).toBe(CLIENT_COUNT);
      if (seconds >= 60) expect(outcome.faults.size).toBe(kinds.length);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
  (seconds + 150) * 1000,
);
