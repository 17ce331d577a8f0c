/** The faults: each is one thing that breaks, and is well again when its function has ended. */
import { setTimeout as sleep } from "node:timers/promises";
import { between, pick, type Random } from "../../bench/random.js";
import { Connection } from "../../src/db/client.js";
import type { ServerProcess } from "../support/server-process.js";
import type { Cut, Direction, TcpProxy } from "../support/tcp-proxy.js";

/** What there is to break. */
export interface Scene {
  /** Between the clients and the server. */
  readonly front: TcpProxy;
  /** Between the server and Postgres. */
  readonly back: TcpProxy;
  readonly server: ServerProcess;
  /** Past the proxy. */
  readonly databaseUrl: string;
  /** Absent where Postgres is not ours to kill. */
  readonly killPostgres?: () => Promise<void>;
  readonly random: Random;
}

export type FaultKind = keyof typeof FAULTS;

const CUTS: readonly [Cut, Cut] = ["fin", "rst"];
const DIRECTIONS: readonly [Direction, Direction] = ["toServer", "toClient"];
const LOCKED = ["results", "runs", "tests", "rejections", "batches"] as const;
/** So long does Postgres take to see that the owner of a waiting statement is gone. */
const HANGUP_SEEN_MS = 1_200;

/** Every kind by name. */
export const FAULTS = {
  "cut clients": async ({ front, random }) => front.cut(pick(random, CUTS)),
  "cut database": async ({ back, random }) => back.cut(pick(random, CUTS)),
  "cut clients in mid-message": async ({ front, random }) => cutMidway(front, random),
  "cut database in mid-message": async ({ back, random }) => cutMidway(back, random),
  "delay clients": ({ front, random }) => delay(front, random),
  "delay database": ({ back, random }) => delay(back, random),
  "blackhole clients": ({ front, random }) => blackhole(front, random),
  "blackhole database": ({ back, random }) => blackhole(back, random),
  "kill backend": killBackends,
  "kill server": ({ server }) => server.end("SIGKILL"),
  "stop server": ({ server }) => server.end("SIGTERM"),
  lock: (scene) => withLock(scene, () => sleep(between(scene.random, 300, 2_000))),
  // What waits for the lock is never committed: an acknowledgement of it would show.
  "kill server under lock": (scene) =>
    withLock(
      scene,
      async () => {
        await sleep(between(scene.random, 200, 500));
        await scene.server.end("SIGKILL");
        await sleep(HANGUP_SEEN_MS);
      },
      "results",
    ),
  "kill postgres": async ({ killPostgres }) => killPostgres?.(),
} satisfies Readonly<Record<string, (scene: Scene) => Promise<void>>>;

function cutMidway(proxy: TcpProxy, random: Random): void {
  proxy.cutAfter(pick(random, DIRECTIONS), between(random, 0, 20_000), pick(random, CUTS));
}

async function delay(proxy: TcpProxy, random: Random): Promise<void> {
  proxy.setDelay(between(random, 5, 150));
  await sleep(between(random, 200, 1_000));
  proxy.setDelay(0);
}

async function blackhole(proxy: TcpProxy, random: Random): Promise<void> {
  proxy.setBlackhole(true);
  await sleep(between(random, 100, 3_000));
  proxy.setBlackhole(false);
}

async function killBackends({ databaseUrl, random }: Scene): Promise<void> {
  await using db = outsider(databaseUrl);
  await db.query(
    `SELECT pg_terminate_backend(pid)
     FROM pg_stat_activity
     WHERE datname = current_database() AND application_name = 'tally'
     ORDER BY md5(pid::text || $1)
     LIMIT $2`,
    [String(random()), between(random, 1, 5)],
  );
}

async function withLock(
  { databaseUrl, random }: Scene,
  act: () => Promise<void>,
  table: string = pick(random, LOCKED),
): Promise<void> {
  await using db = outsider(databaseUrl);
  await db.run(
    `BEGIN; SET LOCAL lock_timeout = '2s'; LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`,
  );
  await act();
  await db.run("ROLLBACK");
}

/** A connection that is no server's. */
export function outsider(url: string): Connection {
  return new Connection({ url, prepare: true, settings: { application_name: "tally faults" } });
}
