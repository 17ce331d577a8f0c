/** What the server is told by its environment. */
import type { Address } from "./setting-values.js";
import { type Setting, settings } from "./settings.js";

export interface Config {
  readonly listen: Address;
  readonly grpcListen: Address | undefined;
  readonly metricsListen: Address | undefined;
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined;
  readonly corsOrigins: readonly string[];
  readonly trustedProxies: readonly string[];
  readonly reflection: boolean;
  /** Undefined: embedded. */
  readonly databaseUrl: string | undefined;
  /** For migrations and LISTEN; `databaseUrl` unless set. */
  readonly directDatabaseUrl: string | undefined;
  readonly prepare: boolean;
  readonly lanes: number;
  readonly readers: number;
  /** As given: relative to the working directory. */
  readonly dataDir: string;
  readonly adminToken: string | undefined;
  readonly bcryptCost: number;
  /** Callers may ask for simulated failures. */
  readonly faults: boolean;
  /** Workers that process queued events. */
  readonly workConcurrency: number;
  readonly logLevel: string;
  /** Of each address. */
  readonly maxConnections: number;
  /** 0 is no limit. */
  readonly callsPerSecond: number;
  /** Of each client of a project; 0 is no limit. */
  readonly clientEventsPerSecond: number;
  /** What looks like a mistake but prevents nothing, one line each. */
  readonly warnings: readonly string[];
}

/** The environment is wrong; the message lists every problem. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  constructor(readonly problems: readonly string[]) {
    super(`the configuration is wrong:\n${problems.map((problem) => `  ${problem}`).join("\n")}`);
  }
}

/** Reads an environment. Throws ConfigError with all problems, and nothing else. */
export function loadConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const problems: string[] = [];
  const { env, warnings } = withoutServiceLinks(environment);

  const optional = <T>({ name, parse, expected, secret }: Setting<T>): T | undefined => {
    const text = env[name]?.trim() ?? "";
    if (text === "") return undefined;
    const value = parse(text);
    if (value === undefined) {
      problems.push(`${name}${secret ? "" : `=${JSON.stringify(text)}`}: expected ${expected}`);
    }
    return value;
  };
  const defaulted = <T>(setting: Setting<T>): T => {
    const value = optional(setting) ?? setting.parse(setting.default);
    if (value === undefined) throw new Error(`the default of ${setting.name} is wrong`);
    return value;
  };

  const platformPort = optional(settings.platformPort);
  const port = optional(settings.port) ?? platformPort;
  const listen = defaulted(settings.listen);
  const [certFile, keyFile] = [optional(settings.tlsCert), optional(settings.tlsKey)];
  if ((certFile === undefined) !== (keyFile === undefined)) {
    const missing = certFile === undefined ? settings.tlsCert : settings.tlsKey;
    problems.push(`${missing.name}: expected ${missing.expected}, as the other of the two is set`);
  }
  const databaseUrl = optional(settings.databaseUrl);
  const directDatabaseUrl = optional(settings.directDatabaseUrl);
  if (directDatabaseUrl !== undefined && (env[settings.databaseUrl.name]?.trim() ?? "") === "") {
    problems.push(`${settings.databaseUrl.name}: expected, as TALLY_DB_DIRECT_URL is set`);
  }
  const config: Config = {
    listen: { ...listen, port: port ?? listen.port },
    grpcListen: optional(settings.grpcListen),
    metricsListen: optional(settings.metricsListen),
    tls: certFile !== undefined && keyFile !== undefined ? { certFile, keyFile } : undefined,
    corsOrigins: defaulted(settings.corsOrigins),
    trustedProxies: defaulted(settings.trustedProxies),
    reflection: defaulted(settings.reflection),
    databaseUrl,
    directDatabaseUrl: directDatabaseUrl ?? databaseUrl,
    prepare: defaulted(settings.prepare),
    lanes: defaulted(settings.lanes),
    readers: defaulted(settings.readers),
    dataDir: defaulted(settings.dataDir),
    adminToken: optional(settings.adminToken),
    bcryptCost: defaulted(settings.bcryptCost),
    faults: defaulted(settings.faults),
    workConcurrency: defaulted(settings.workConcurrency),
    logLevel: defaulted(settings.logLevel),
    maxConnections: defaulted(settings.maxConnections),
    callsPerSecond: defaulted(settings.callsPerSecond),
    clientEventsPerSecond: defaulted(settings.clientEventsPerSecond),
    warnings: [...warnings, ...unknownNames(env)],
  };
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}

/**
 * Kubernetes gives every pod TALLY_PORT=tcp://… and more of the kind when there is a service named tally;
 * none of it is meant for us.
 */
function withoutServiceLinks(environment: Readonly<Record<string, string | undefined>>): {
  env: Record<string, string | undefined>;
  warnings: string[];
} {
  const kept = Object.entries(environment).filter(
    ([name, value]) =>
      !/^TALLY_(?:SERVICE_(?:HOST|PORT)|PORT_\d+_)/.test(name) &&
      !(name === settings.port.name && value?.startsWith("tcp://")),
  );
  const env = Object.assign(Object.create(null), Object.fromEntries(kept));
  const isLinked = environment[settings.port.name] !== env[settings.port.name];
  const warnings = isLinked
    ? [
        "TALLY_PORT is a Kubernetes service link and is ignored (enableServiceLinks: false avoids it)",
      ]
    : [];
  return { env, warnings };
}

/** A line for each variable that looks like ours and is not known, neither here nor to the clients. */
function unknownNames(env: Readonly<Record<string, string | undefined>>): string[] {
  const known = new Set<string>(Object.values(settings).map(({ name }) => name));
  return Object.keys(env)
    .filter((name) => name.startsWith("TALLY_") && !known.has(name) && !CLIENT_NAMES.test(name))
    .sort()
    .map((name) => `${name} is not a setting of the server and is ignored`);
}

/** Read by the clients, the CLI and the tests. */
const CLIENT_NAMES = /^TALLY_(?:URL|TOKEN|PROJECT|SPOOL_DIR|REPORTS_DIR|TEST_.*)$/;
