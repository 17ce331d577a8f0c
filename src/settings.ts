/**
 * Every variable of the environment that the server reads, in the order in which it is documented: the README
 * and .env.example show this table, and a test compares them.
 */
import {
  integerBetween,
  listOf,
  oneOf,
  parseAddress,
  parseBoolean,
  parseHeaderText,
  parseNetwork,
  parseOrigin,
  parsePort,
  parsePostgresUrl,
  parseText,
} from "./setting-values.js";

/** One variable of the environment. An empty value is the same as none. */
export interface Setting<T> {
  readonly name: string;
  /** As one would write it; empty means none. */
  readonly default: string;
  readonly description: string;
  /** What a right value is, as the error says it. */
  readonly expected: string;
  /** The value never appears in an error. */
  readonly secret?: boolean;
  /** Undefined for a wrong value. */
  readonly parse: (text: string) => T | undefined;
}

const ADDRESS = "host:port, such as 0.0.0.0:8080 or [::1]:8080";
const PORT = "a port, 0 to 65535";
const BOOLEAN = "true or false";
const POSTGRES_URL = "postgres://user:password@host:port/database";

/** The settings, by what `Config` calls them. */
export const settings = {
  listen: setting(
    "TALLY_LISTEN",
    "127.0.0.1:8080",
    ADDRESS,
    parseAddress,
    "Where the server listens, for every protocol.",
  ),
  port: setting("TALLY_PORT", "", PORT, parsePort, "Replaces the port of `TALLY_LISTEN`."),
  platformPort: setting(
    "PORT",
    "",
    PORT,
    parsePort,
    "The same, as hosting platforms set it; `TALLY_PORT` wins.",
  ),
  grpcListen: setting(
    "TALLY_GRPC_LISTEN",
    "",
    ADDRESS,
    parseAddress,
    "Another address, for gRPC over HTTP/2 alone.",
  ),
  metricsListen: setting(
    "TALLY_METRICS_LISTEN",
    "",
    ADDRESS,
    parseAddress,
    "Where `/metrics` is instead of the main address.",
  ),
  tlsCert: setting(
    "TALLY_TLS_CERT",
    "",
    "a path",
    parseText,
    "PEM file of the certificate and its chain; needs `TALLY_TLS_KEY`. Renewed files are read again.",
  ),
  tlsKey: setting("TALLY_TLS_KEY", "", "a path", parseText, "PEM file of the certificate's key."),
  corsOrigins: setting(
    "TALLY_CORS_ORIGINS",
    "",
    "origins such as https://example.com, separated by commas, or *",
    listOf(parseOrigin),
    "Origins whose web pages may call, separated by commas; `*` lists all.",
  ),
  trustedProxies: setting(
    "TALLY_TRUSTED_PROXIES",
    "",
    "IP addresses or CIDR blocks, separated by commas",
    listOf(parseNetwork),
    "Addresses or CIDR blocks whose `x-forwarded-for` is believed, separated by commas.",
  ),
  reflection: setting(
    "TALLY_REFLECTION",
    "true",
    BOOLEAN,
    parseBoolean,
    "Whether gRPC server reflection answers.",
  ),
  databaseUrl: secret(
    "DATABASE_URL",
    POSTGRES_URL,
    parsePostgresUrl,
    "PostgreSQL 15 to 18. Without it the server runs an embedded PostgreSQL in `TALLY_DATA_DIR`.",
  ),
  directDatabaseUrl: secret(
    "TALLY_DB_DIRECT_URL",
    POSTGRES_URL,
    parsePostgresUrl,
    "The same database past a pooler, for migrations and LISTEN.",
  ),
  prepare: setting(
    "TALLY_DB_PREPARE",
    "true",
    BOOLEAN,
    parseBoolean,
    "Prepared statements and session settings; `false` for PgBouncer in transaction mode.",
  ),
  lanes: setting(
    "TALLY_DB_LANES",
    "2",
    "a number, 1 to 32",
    integerBetween(1, 32),
    "Connections that write results, and as many again that write events, 1 to 32.",
  ),
  readers: setting(
    "TALLY_DB_READERS",
    "8",
    "a number, 1 to 100",
    integerBetween(1, 100),
    "Connections for everything else but folding, which has two more, 1 to 100.",
  ),
  dataDir: setting(
    "TALLY_DATA_DIR",
    ".tallyd",
    "a path",
    parseText,
    "Folder of the embedded PostgreSQL and of the first admin token.",
  ),
  adminToken: secret(
    "TALLY_ADMIN_TOKEN",
    "an admin token, tly_admin_…, or 24 to 512 other characters of ASCII",
    parseHeaderText,
    "The admin token to use instead of one made at the first start: `tly_admin_…`, or 24 to 512 other characters of ASCII.",
  ),
  bcryptCost: setting(
    "TALLY_BCRYPT_COST",
    "10",
    "a number, 4 to 15",
    integerBetween(4, 15),
    "Cost of the hash of new tokens' secrets, 4 to 15; each step doubles the time.",
  ),
  workConcurrency: setting(
    "TALLY_WORK_CONCURRENCY",
    "2",
    "a number, 0 to 32",
    integerBetween(0, 32),
    "Workers of this process that process queued events, 0 to 32; 0 leaves them to `tallyd work` elsewhere.",
  ),
  faults: setting(
    "TALLY_FAULTS",
    "false",
    BOOLEAN,
    parseBoolean,
    "Whether callers may ask for a simulated failure of one call by the header `tally-fault`; for tests and demonstrations.",
  ),
  logLevel: setting(
    "TALLY_LOG_LEVEL",
    "info",
    "trace, debug, info, warn, error, fatal or silent",
    oneOf(["trace", "debug", "info", "warn", "error", "fatal", "silent"]),
    "Least level that is logged: trace, debug, info, warn, error, fatal or silent.",
  ),
  maxConnections: setting(
    "TALLY_MAX_CONNECTIONS",
    "20000",
    "a number, 1 to 1000000",
    integerBetween(1, 1_000_000),
    "Connections that each address takes at a time, 1 to 1000000; one beyond is closed at once, and counted by `tally_connections_refused_total`.",
  ),
  callsPerSecond: setting(
    "TALLY_CALLS_PER_SECOND",
    "0",
    "a number, 0 to 1000000",
    integerBetween(0, 1_000_000),
    "Calls a second that one project, or one admin token, may make on this server; 0 is no limit. A project's own setting replaces it.",
  ),
  clientEventsPerSecond: setting(
    "TALLY_CLIENT_EVENTS_PER_SECOND",
    "0",
    "a number, 0 to 1000000",
    integerBetween(0, 1_000_000),
    "Events a second that one client of a project may send to this server, whatever becomes of them; 0 is no limit. A call over it stores nothing.",
  ),
} as const;

function setting<T>(
  name: string,
  byDefault: string,
  expected: string,
  parse: (text: string) => T | undefined,
  description: string,
): Setting<T> {
  return { name, default: byDefault, description, expected, parse };
}

function secret<T>(
  name: string,
  expected: string,
  parse: (text: string) => T | undefined,
  description: string,
): Setting<T> {
  return { name, default: "", description, expected, parse, secret: true };
}
