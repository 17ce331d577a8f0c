/** Puts a server together: database, tokens, handlers, jobs; and takes it apart in the right order. */
import { randomBytes, randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import { ensureAdminToken } from "./auth/admin-bootstrap.js";
import { SecretHasher } from "./auth/secret-hasher.js";
import { createSignIn, drawSignInCode } from "./auth/sign-in-code.js";
import { TokenAuthenticator } from "./auth/token-authenticator.js";
import { createByteBudget } from "./byte-budget.js";
import { type Cleanups, createCleanups } from "./cleanups.js";
import type { Config } from "./config.js";
import { Connection } from "./db/client.js";
import { readFoldQueueDepth } from "./db/fold-queue.js";
import { readInboxDepth } from "./db/inbox.js";
import { ping } from "./db/ping.js";
import { Pool } from "./db/pool.js";
import { ensureServerSecret } from "./db/server-secrets.js";
import { createTurns } from "./db/turns.js";
import { createClientRates } from "./events/client-rates.js";
import { createEventPolicies } from "./events/policies.js";
import { startFolding } from "./folding.js";
import { drawKey } from "./ingest/draw-key.js";
import { createRunDirectory } from "./ingest/run-directory.js";
import { createRunSettler } from "./ingest/run-settler.js";
import { createTestDirectory } from "./ingest/test-directory.js";
import { abandonRuns } from "./jobs/abandon-runs.js";
import { createPartitions } from "./jobs/create-partitions.js";
import { dropClosedRefusals } from "./jobs/drop-closed-refusals.js";
import { dropPartitions } from "./jobs/drop-partitions.js";
import { expireEvents } from "./jobs/expire-events.js";
import { expireRuns } from "./jobs/expire-runs.js";
import { findMissingTests } from "./jobs/find-missing-tests.js";
import { startFoldingJobs } from "./jobs/folding-jobs.js";
import { startJobs } from "./jobs/job.js";
import { pruneAudit } from "./jobs/prune-audit.js";
import { purgeDeleted } from "./jobs/purge-deleted.js";
import { settleRuns } from "./jobs/settle-runs.js";
import { limits } from "./limits.js";
import type { Logger } from "./log.js";
import { createMetrics } from "./metrics.js";
import { openDatabase } from "./open-database.js";
import { openWriters } from "./open-writers.js";
import { startProcessWorkers } from "./process-workers.js";
import { createQueueGauge } from "./queue-gauge.js";
import { eventDoor } from "./rpc/doors/event-door.js";
import { reportDoor } from "./rpc/doors/report-door.js";
import { eventRoute } from "./rpc/events/event-routes.js";
import { createSimulatedFaults } from "./rpc/events/simulated-faults.js";
import { anyRoute } from "./rpc/handler.js";
import { ingestRoute } from "./rpc/ingest/ingest-routes.js";
import { createPageTokens } from "./rpc/page-token.js";
import { rejectionRoute } from "./rpc/rejections/rejection-routes.js";
import { createProjectResolver } from "./rpc/resolve-project.js";
import { statsRoute } from "./rpc/stats/stats-routes.js";
import { createRunFeeds } from "./rpc/stats/watch/run-feeds.js";
import { tenancyRoute } from "./rpc/tenancy/tenancy-routes.js";
import { startServer } from "./server/server.js";
import { readWebFiles } from "./server/web-files.js";
import { readVersion } from "./version.js";

export interface TallyOptions {
  /** Folds in this thread: a thread of its own needs compiled code. */
  readonly foldHere?: boolean;
  /** Runs no background jobs, folding among them: whoever starts it does, or another server. */
  readonly withoutJobs?: boolean;
  /** Where the dashboard's files are; by default where the build puts them. */
  readonly webFolder?: string;
  /** Gives up the start. Means nothing once it has started. */
  readonly signal?: AbortSignal;
  /**
   * Hears of the admin token where this start makes one, once, after all else that can fail. The file is where it is
   * kept; null with a database of the operator's own.
   */
  readonly onAdminToken?: (token: string, file: string | null) => void;
}

export interface Tally extends AsyncDisposable {
  readonly url: string;
  readonly version: string;
  /** What signs the operator in to the dashboard, once and within 10 minutes; null where no admin token was made. */
  readonly signInCode: string | null;
  /** Settles with DATABASE_GONE when the embedded database cannot be kept running. */
  readonly databaseGone: Promise<string>;
}

/** Longest wait for room among what is read and not committed. */
const BUDGET_WAIT_MS = 30_000;

/** What Vite builds; compiled, this file is in dist/src. */
const WEB_FOLDER = fileURLToPath(new URL("../web", import.meta.url));

/** Longest wait of a statement that drops a partition for those who read it. */
const DDL_LOCK_TIMEOUT_MS = "2000";

/** Resolves when the server takes calls. What was started is stopped again when something fails. */
export async function startTally(
  config: Config,
  log: Logger,
  options: TallyOptions = {},
): Promise<Tally> {
  const cleanups = createCleanups();
  try {
    return await start(config, log, options, cleanups);
  } catch (error) {
    await cleanups.run();
    throw error;
  }
}

async function start(
  config: Config,
  log: Logger,
  {
    foldHere = false,
    withoutJobs = false,
    webFolder = WEB_FOLDER,
    signal = new AbortController().signal,
    onAdminToken = () => {},
  }: TallyOptions,
  cleanups: Cleanups,
): Promise<Tally> {
  const database = await openDatabase(config, log, cleanups, signal);
  const connection = { url: database.url, prepare: config.prepare };
  const db = cleanups.use(new Pool({ ...connection, size: config.readers }));
  const budget = createByteBudget({
    maxBytes: limits.bytesInFlight,
    maxWaitMs: BUDGET_WAIT_MS,
    verb: "holds uncommitted",
  });
  const metrics = createMetrics({
    connections: () => db.load,
    bytesInFlight: () => budget.used,
    inbox: createQueueGauge((deadlineAt) => readInboxDepth(db, deadlineAt), Date.now),
    foldQueue: createQueueGauge((deadlineAt) => readFoldQueueDepth(db, deadlineAt), Date.now),
  });
  const writers = openWriters({ connection, lanes: config.lanes, metrics }, cleanups);
  const hasher = cleanups.use(new SecretHasher({ cost: config.bcryptCost }));
  const authenticator = cleanups.use(new TokenAuthenticator({ db, hasher, log, now: Date.now }));
  const signIn = createSignIn({
    now: Date.now,
    onRefused: (address) => authenticator.noteRefusal(address),
  });
  const jobDeps = { db, log, now: Date.now, random: Math.random };
  const jobs = [
    settleRuns,
    abandonRuns,
    purgeDeleted,
    dropClosedRefusals,
    expireEvents,
    expireRuns,
    findMissingTests,
    createPartitions,
    pruneAudit,
  ];
  const connect = () =>
    new Connection({
      url: database.directUrl,
      prepare: config.prepare,
      settings: { lock_timeout: DDL_LOCK_TIMEOUT_MS },
    });
  if (!withoutJobs) {
    cleanups.use(
      startJobs([...jobs.map((job) => job(jobDeps)), dropPartitions({ db, log, connect })], log),
    );
    cleanups.use(
      foldHere
        ? startFoldingJobs(db, log)
        : startFolding({ connection, logLevel: config.logLevel }, log),
    );
  }
  cleanups.use(
    startProcessWorkers({
      db,
      directUrl: database.directUrl,
      workers: config.workConcurrency,
      log,
      onOutcome: (outcome, count) => metrics.events.inc({ outcome, mode: "inbox" }, count),
    }),
  );

  const resolveProject = createProjectResolver(db);
  const pageKey = await ensureServerSecret(db, "page-tokens", () => randomBytes(32));
  const pageTokens = createPageTokens(pageKey);
  const policies = createEventPolicies(db, Date.now);
  const ingest = {
    db,
    runs: createRunDirectory(db, drawKey),
    settleRun: createRunSettler(db),
    tests: createTestDirectory(db),
    writer: writers.results,
    budget,
    resolveProject,
    metrics,
    drawKey,
    now: Date.now,
    random: Math.random,
  };
  const events = {
    db,
    drawKey,
    writer: writers.events,
    policies,
    rates: createClientRates(config.clientEventsPerSecond, Date.now),
    faults: createSimulatedFaults(config.faults, metrics),
    budget,
    resolveProject,
    pageTokens,
    metrics,
    now: Date.now,
    random: Math.random,
  };
  const turns = cleanups.use(createTurns({ url: database.directUrl }));
  const feeds = createRunFeeds({ db, log, now: Date.now });
  let signInCode: string | null = null;
  const welcome = async () => {
    const adminToken = await ensureAdminToken({
      db,
      hasher,
      randomBytes,
      log,
      configuredToken: config.adminToken,
      tokenFile: database.adminTokenFile ?? undefined,
    });
    if (adminToken === null) return;
    onAdminToken(adminToken, database.adminTokenFile);
    signInCode = drawSignInCode(randomBytes);
    signIn.offer(signInCode);
  };
  const version = readVersion();
  const server = cleanups.use(
    await startServer({
      listen: config.listen,
      ...(config.grpcListen === undefined ? {} : { grpcListen: config.grpcListen }),
      ...(config.metricsListen === undefined ? {} : { metricsListen: config.metricsListen }),
      ...(config.tls === undefined ? {} : { tls: config.tls }),
      corsOrigins: config.corsOrigins,
      trustedProxies: config.trustedProxies,
      reflection: config.reflection,
      maxConnections: config.maxConnections,
      callsPerSecond: config.callsPerSecond,
      version,
      routes: [
        anyRoute(
          tenancyRoute({
            db,
            hasher,
            metrics,
            policies,
            signIn,
            version,
            faultsEnabled: config.faults,
            pageTokens,
            resolveProject,
            randomBytes,
            random: Math.random,
            now: Date.now,
          }),
        ),
        anyRoute(ingestRoute(ingest)),
        anyRoute(eventRoute(events)),
        anyRoute(rejectionRoute({ ...ingest, events, pageTokens, turns })),
        anyRoute(statsRoute({ db, resolveProject, pageTokens, feeds })),
      ],
      doors: [reportDoor(ingest), eventDoor(events)],
      webFiles: await readWebFiles(webFolder),
      authenticator,
      metrics,
      log,
      readiness: [{ name: "database", check: () => ping(db) }],
      now: Date.now,
      newRequestId: randomUUID,
      // A start that fails, at a taken port for example, uses up neither the token nor the link.
      beforeServing: welcome,
    }),
  );
  return {
    url: server.url,
    version,
    signInCode,
    databaseGone: database.gone,
    [Symbol.asyncDispose]: () => cleanups.run(),
  };
}
