/** The figures of one server, for Prometheus. No label ever carries a tenant's name or id. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

export type Metrics = ReturnType<typeof createMetrics>;

/** Figures that are asked for when someone looks. */
export interface MetricSources {
  connections(): { readonly used: number; readonly waiting: number };
  bytesInFlight(): number;
  inbox(): Promise<{ readonly depth: number; readonly ageSeconds: number }>;
  foldQueue(): Promise<{ readonly depth: number; readonly ageSeconds: number }>;
}

const NO_SOURCES: MetricSources = {
  connections: () => ({ used: 0, waiting: 0 }),
  bytesInFlight: () => 0,
  inbox: async () => ({ depth: 0, ageSeconds: 0 }),
  foldQueue: async () => ({ depth: 0, ageSeconds: 0 }),
};

/** All metrics of a server on a registry of its own. */
export function createMetrics(sources: MetricSources = NO_SOURCES) {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const counter = <L extends string = never>(name: string, help: string, labelNames: L[] = []) =>
    new Counter<L>({ name, help, labelNames, registers });
  const gauge = <L extends string = never>(name: string, help: string, labelNames: L[] = []) =>
    new Gauge<L>({ name, help, labelNames, registers });
  const seconds = <L extends string = never>(name: string, help: string, labelNames: L[] = []) =>
    new Histogram<L>({ name, help, labelNames, registers, buckets: LATENCY_BUCKETS });
  return {
    registry,
    organizationsCreated: counter("tally_organizations_created_total", "Organizations created."),
    projectsCreated: counter("tally_projects_created_total", "Projects created."),
    tokensCreated: counter("tally_tokens_created_total", "Tokens created."),
    runs: counter("tally_runs_total", "Runs opened: accepted, duplicate, conflict or rejected.", [
      "outcome",
    ]),
    results: counter(
      "tally_results_total",
      "Results received: accepted, duplicate, conflict or rejected.",
      ["outcome"],
    ),
    events: counter(
      "tally_events_total",
      "Events: processed, duplicate, conflict, rejected or queued by a call; by the inbox processed, retried or gave_up.",
      ["outcome", "mode"],
    ),
    ignoredFaults: counter(
      "tally_ignored_faults_total",
      "Calls whose tally-fault header was ignored, because TALLY_FAULTS is off.",
    ),
    requests: counter("tally_requests_total", "Calls answered.", [
      "service",
      "method",
      "protocol",
      "code",
    ]),
    requestSeconds: seconds("tally_request_duration_seconds", "Time from headers to status.", [
      "service",
      "method",
    ]),
    commitSeconds: seconds("tally_commit_duration_seconds", "Time of one committing statement.", [
      "kind",
    ]),
    rowsPerCommit: new Histogram({
      name: "tally_commit_rows",
      help: "Rows sent in one committing statement.",
      labelNames: ["kind"],
      buckets: [1, 10, 100, 500, 1000, 2500, 5000],
      registers,
    }),
    inbox: new Gauge({
      name: "tally_inbox_events",
      help: "Queued events of all projects that are not processed yet.",
      registers,
      async collect() {
        this.set((await sources.inbox()).depth);
      },
    }),
    inboxAge: new Gauge({
      name: "tally_inbox_age_seconds",
      help: "Age of the oldest queued event.",
      registers,
      async collect() {
        this.set((await sources.inbox()).ageSeconds);
      },
    }),
    foldQueue: new Gauge({
      name: "tally_fold_queue_rows",
      help: "Batches of results of all projects that are not in the figures yet.",
      registers,
      async collect() {
        this.set((await sources.foldQueue()).depth);
      },
    }),
    foldQueueAge: new Gauge({
      name: "tally_fold_oldest_seconds",
      help: "Age of the oldest batch of results that is not in the figures yet.",
      registers,
      async collect() {
        this.set((await sources.foldQueue()).ageSeconds);
      },
    }),
    queuedRows: gauge("tally_write_queue_rows", "Rows that wait for a lane.", ["kind"]),
    bytesInFlight: new Gauge({
      name: "tally_bytes_in_flight",
      help: "Bytes of messages read but not committed.",
      registers,
      collect() {
        this.set(sources.bytesInFlight());
      },
    }),
    lanes: gauge("tally_write_lanes", "Lanes, busy and in all.", ["state", "kind"]),
    connections: new Gauge({
      name: "tally_db_connections",
      help: "Database slots used, and callers waiting for one.",
      labelNames: ["state"],
      registers,
      collect() {
        const { used, waiting } = sources.connections();
        this.set({ state: "used" }, used);
        this.set({ state: "waiting" }, waiting);
      },
    }),
    statementRetries: counter("tally_db_retries_total", "Statements sent again after a failure.", [
      "cause",
    ]),
    connectionsRefused: counter(
      "tally_connections_refused_total",
      "Connections beyond those that an address takes at a time.",
    ),
    authFailures: counter("tally_auth_failures_total", "Calls refused for their token.", [
      "reason",
    ]),
    hookFailures: counter(
      "tally_hook_failures_total",
      "Log or metric hooks that threw after a reply.",
    ),
  };
}

/** Seconds. From a cached answer to the longest unary call. */
const LATENCY_BUCKETS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120,
];
