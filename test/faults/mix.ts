/** Clients, a server and a database, and a mix of faults between them that a seed draws. */
import { setTimeout as sleep } from "node:timers/promises";
import { between, type Random, seededRandom, shuffle } from "../../bench/random.js";
import { DbError } from "../../src/db/errors.js";
import { startServerProcess } from "../support/server-process.js";
import { startTcpProxy } from "../support/tcp-proxy.js";
import { runClients } from "./clients.js";
import { FAULTS, type FaultKind, outsider, type Scene } from "./faults.js";
import { compareFigures } from "./figures.js";
import { checkInvariants, type Violation } from "./invariants.js";
import { createJournal, type Journal } from "./journal.js";
import { leftWork } from "./left-work.js";
import { createProjects } from "./tenants.js";
import { compareTotals } from "./totals.js";

export interface MixOptions {
  /** A database in which nothing is stored. */
  readonly databaseUrl: string;
  readonly seed: number;
  readonly seconds: number;
  /** Those to draw from; each happens at least once if there is time. */
  readonly kinds: readonly FaultKind[];
  readonly killPostgres?: () => Promise<void>;
  /** Of the server. */
  readonly program?: string;
  /** Runs once the server has made its tables. */
  readonly prepare?: (databaseUrl: string) => Promise<void>;
}

export interface MixOutcome {
  readonly journal: Journal;
  readonly violations: readonly Violation[];
  /** What was seen besides: hangs, uncaught errors, totals that differ. */
  readonly complaints: readonly string[];
  readonly faults: ReadonlyMap<FaultKind, number>;
  /** One line. */
  readonly summary: string;
}

/** Faults after which a process starts anew. */
const ENDS: ReadonlySet<FaultKind> = new Set([
  "kill server",
  "stop server",
  "kill server under lock",
  "kill postgres",
]);
/** Time for the clients to be answered once all is well. */
const FINISH_WITHIN_MS = 60_000;

/** Resolves with what was found after all faults have ended and all clients have been answered. */
export async function runMix(options: MixOptions): Promise<MixOutcome> {
  const { databaseUrl, seed, seconds } = options;
  const random = seededRandom(seed);
  await using back = await startTcpProxy(addressOf(databaseUrl));
  await using server = await startServerProcess({
    databaseUrl: back.through(databaseUrl),
    ...(options.program === undefined ? {} : { program: options.program }),
  });
  await using front = await startTcpProxy(addressOf(server.url));
  const projects = await createProjects(server.url, server.adminToken);
  await options.prepare?.(databaseUrl);

  const journal = createJournal();
  const scene = { ...options, front, back, server };
  const endAt = performance.now() + seconds * 1000;
  let giveUpAt = Infinity;
  const clients = runClients({
    url: front.through(server.url),
    projects,
    journal,
    randomOf: (client) => seededRandom(seed + client + 1),
    over: () => performance.now() > endAt,
    giveUpAt: () => giveUpAt,
  });
  const faults = await breakThings(scene, journal, options.kinds, random, endAt);
  giveUpAt = performance.now() + FINISH_WITHIN_MS;
  await server.ready();
  await clients;

  // Whatever a server has under way for a client that has gone ends with it.
  await server.ready();
  await server.end("SIGTERM");
  await using db = outsider(databaseUrl);
  const violations = await checkInvariants(db, journal);
  await server.ready();
  const differences = [
    ...(await compareTotals(db, server.url, projects)),
    ...(await leftWork(db)),
    ...(await compareFigures(databaseUrl)),
  ];
  return {
    journal,
    violations,
    complaints: [...journal.complaints, ...server.complaints, ...differences],
    faults,
    summary: summarize(options, journal, faults),
  };
}

/**
 * Rounds of all kinds, each in an order of the seed, until the time is over. What takes a second to come back
 * happens half as often as the rest. Resolves when all is well.
 */
async function breakThings(
  scene: Omit<Scene, "random">,
  journal: Journal,
  kinds: readonly FaultKind[],
  random: Random,
  endAt: number,
): Promise<Map<FaultKind, number>> {
  const counts = new Map<FaultKind, number>();
  const underWay = new Set<Promise<void>>();
  const brief = kinds.filter((kind) => !ENDS.has(kind));
  let plan: FaultKind[] = [];
  while (performance.now() < endAt) {
    if (plan.length === 0) plan = shuffle(random, [...kinds, ...brief]);
    const kind = plan.pop();
    if (kind !== undefined) {
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
      // Numbers of its own: which fault comes next must not depend on how fast this one draws.
      const own = seededRandom(between(random, 0, 2 ** 31));
      const fault = FAULTS[kind]({ ...scene, random: own })
        .catch((error) => {
          if (!isOutage(error)) journal.complain(`the fault "${kind}" failed: ${error}`);
        })
        .finally(() => underWay.delete(fault));
      underWay.add(fault);
    }
    await sleep(between(random, 100, 1_000));
    // Mostly a server is there to be hurt; sometimes while it starts.
    if (random() < 0.8) await scene.server.ready();
  }
  await Promise.all(underWay);
  return counts;
}

/** Postgres was not there to be asked for the fault. */
function isOutage(error: unknown): boolean {
  return error instanceof DbError && error.kind === "transient";
}

function addressOf(url: string): { host: string; port: number } {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port || 5432) };
}

function summarize(
  { seed, seconds }: MixOptions,
  { attempts, acknowledgements, answered, failures, longestMs }: Journal,
  faults: ReadonlyMap<FaultKind, number>,
): string {
  const list = (map: ReadonlyMap<string, number>) =>
    [...map].map(([key, count]) => `${key} ${count}`).join(", ");
  const sum = (i: number) => answered.reduce((total, { counts }) => total + (counts[i] ?? 0), 0);
  return [
    `seed ${seed}, ${seconds} s`,
    `faults: ${list(faults)}`,
    `attempted ${attempts.length}, acknowledged ${acknowledgements.length}`,
    `accepted ${sum(0)}, duplicate ${sum(1)}, conflict ${sum(2)}, rejected ${sum(3)}`,
    `sent again after: ${list(failures)}`,
    `longest call ${(longestMs / 1000).toFixed(1)} s`,
  ].join("; ");
}
