import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConfigError, loadConfig } from "../src/config.js";
import { settings } from "../src/settings.js";

/** The problems of an environment; none fails the test. */
function problemsOf(env: Record<string, string>): readonly string[] {
  try {
    loadConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  throw new Error("the environment is right");
}

it("has a default for everything", () => {
  expect(loadConfig({})).toEqual({
    listen: { host: "127.0.0.1", port: 8080 },
    grpcListen: undefined,
    metricsListen: undefined,
    tls: undefined,
    corsOrigins: [],
    trustedProxies: [],
    reflection: true,
    databaseUrl: undefined,
    directDatabaseUrl: undefined,
    prepare: true,
    lanes: 2,
    readers: 8,
    dataDir: ".tallyd",
    adminToken: undefined,
    bcryptCost: 10,
    workConcurrency: 2,
    faults: false,
    logLevel: "info",
    maxConnections: 20_000,
    callsPerSecond: 0,
    clientEventsPerSecond: 0,
    warnings: [],
  });
});

it("takes an empty or blank value for none", () => {
  const blank = Object.fromEntries(Object.values(settings).map(({ name }) => [name, "  "]));
  expect(loadConfig(blank)).toEqual(loadConfig({}));
});

it("reads every setting", () => {
  expect(
    loadConfig({
      TALLY_LISTEN: "[::1]:1",
      TALLY_GRPC_LISTEN: "localhost:2",
      TALLY_METRICS_LISTEN: "0.0.0.0:0",
      TALLY_TLS_CERT: "c.pem",
      TALLY_TLS_KEY: "k.pem",
      TALLY_CORS_ORIGINS: "https://a.example, http://localhost:3000,",
      TALLY_TRUSTED_PROXIES: "10.0.0.0/8, ::1",
      TALLY_REFLECTION: "false",
      DATABASE_URL: "postgres://u:p%40@db:5432/tally?sslmode=require",
      TALLY_DB_DIRECT_URL: "postgresql://u@direct/tally",
      TALLY_DB_PREPARE: "0",
      TALLY_DB_LANES: "32",
      TALLY_DB_READERS: "1",
      TALLY_DATA_DIR: "/data",
      TALLY_ADMIN_TOKEN: "tly_admin_1_2_3",
      TALLY_BCRYPT_COST: "4",
      TALLY_WORK_CONCURRENCY: "0",
      TALLY_FAULTS: "1",
      TALLY_LOG_LEVEL: "debug",
      TALLY_MAX_CONNECTIONS: "1",
      TALLY_CALLS_PER_SECOND: "1000000",
      TALLY_CLIENT_EVENTS_PER_SECOND: "500",
    }),
  ).toEqual({
    listen: { host: "::1", port: 1 },
    grpcListen: { host: "localhost", port: 2 },
    metricsListen: { host: "0.0.0.0", port: 0 },
    tls: { certFile: "c.pem", keyFile: "k.pem" },
    corsOrigins: ["https://a.example", "http://localhost:3000"],
    trustedProxies: ["10.0.0.0/8", "::1"],
    reflection: false,
    databaseUrl: "postgres://u:p%40@db:5432/tally?sslmode=require",
    directDatabaseUrl: "postgresql://u@direct/tally",
    prepare: false,
    lanes: 32,
    readers: 1,
    dataDir: "/data",
    adminToken: "tly_admin_1_2_3",
    bcryptCost: 4,
    workConcurrency: 0,
    faults: true,
    logLevel: "debug",
    maxConnections: 1,
    callsPerSecond: 1_000_000,
    clientEventsPerSecond: 500,
    warnings: [],
  });
});

it("lets TALLY_PORT win over PORT, and both over the address", () => {
  const env = { TALLY_LISTEN: "0.0.0.0:1" };
  expect(loadConfig({ ...env, PORT: "2" }).listen).toEqual({ host: "0.0.0.0", port: 2 });
  expect(loadConfig({ ...env, PORT: "2", TALLY_PORT: "3" }).listen.port).toBe(3);
});

it("uses DATABASE_URL for what needs a direct connection, unless told otherwise", () => {
  const DATABASE_URL = "postgres://db/tally";
  expect(loadConfig({ DATABASE_URL }).directDatabaseUrl).toBe(DATABASE_URL);
});

describe("refuses", () => {
  it.each([
    ["TALLY_LISTEN", "8080"],
    ["TALLY_LISTEN", "localhost"],
    ["TALLY_LISTEN", "::1:8080"],
    ["TALLY_LISTEN", "[nonsense]:8080"],
    ["TALLY_LISTEN", "http://localhost:8080"],
    ["TALLY_LISTEN", "localhost:65536"],
    ["TALLY_PORT", "-1"],
    ["PORT", "80.5"],
    ["TALLY_CORS_ORIGINS", "https://a.example/"],
    ["TALLY_CORS_ORIGINS", "a.example"],
    ["TALLY_TRUSTED_PROXIES", "10.0.0.0/33"],
    ["TALLY_TRUSTED_PROXIES", "10.0.0.1, proxy.example"],
    ["TALLY_TRUSTED_PROXIES", "::1/129"],
    ["TALLY_REFLECTION", "on"],
    ["TALLY_DB_PREPARE", "False"],
    ["TALLY_DB_LANES", "0"],
    ["TALLY_DB_LANES", "33"],
    ["TALLY_DB_READERS", "101"],
    ["TALLY_DB_READERS", "1e1"],
    ["TALLY_DATA_DIR", "a\0b"],
    ["TALLY_BCRYPT_COST", "3"],
    ["TALLY_BCRYPT_COST", "16"],
    ["TALLY_WORK_CONCURRENCY", "33"],
    ["TALLY_FAULTS", "yes"],
    ["TALLY_LOG_LEVEL", "verbose"],
    ["TALLY_MAX_CONNECTIONS", "0"],
    ["TALLY_CALLS_PER_SECOND", "-1"],
    ["TALLY_CLIENT_EVENTS_PER_SECOND", "1000001"],
  ])("%s=%s, with its name, the value and what is expected", (name, value) => {
    const [problem, ...others] = problemsOf({ [name]: value });
    const { expected } = Object.values(settings).find((each) => each.name === name) ?? {};
    expect(others).toEqual([]);
    expect(problem).toBe(`${name}=${JSON.stringify(value)}: expected ${expected}`);
  });

  it.each([
    ["DATABASE_URL", "mysql://u:hunter2@db/tally"],
    ["DATABASE_URL", "hunter2"],
    ["DATABASE_URL", "postgres:hunter2"],
    ["DATABASE_URL", "postgres://u:hunter2%@db/tally"],
    ["DATABASE_URL", "postgres://u:hunter2@db1,db2/tally"],
    ["DATABASE_URL", "postgres://u:hunter2@db1:1,db2:2/tally"],
    ["TALLY_ADMIN_TOKEN", "hunter2\u0001x"],
    ["TALLY_ADMIN_TOKEN", "hunter2 with some ümlauts in it"],
  ])("%s without showing its value", (name, value) => {
    const [problem] = problemsOf({ [name]: value });
    expect(problem).toMatch(new RegExp(`^${name}: expected `));
    expect(problem).not.toContain("hunter2");
  });

  it("half of a certificate", () => {
    expect(problemsOf({ TALLY_TLS_CERT: "c.pem" })).toEqual([
      expect.stringMatching(/^TALLY_TLS_KEY: /),
    ]);
    expect(problemsOf({ TALLY_TLS_KEY: "k.pem" })).toEqual([
      expect.stringMatching(/^TALLY_TLS_CERT: /),
    ]);
  });

  it("a direct database url without the other", () => {
    expect(problemsOf({ TALLY_DB_DIRECT_URL: "postgres://db/tally" })).toEqual([
      expect.stringMatching(/^DATABASE_URL: /),
    ]);
  });

  it("everything that is wrong at once", () => {
    const problems = problemsOf({ TALLY_PORT: "x", TALLY_DB_LANES: "y", DATABASE_URL: "z" });
    expect(problems.map((problem) => problem.split(/[:=]/, 1)[0]).sort()).toEqual([
      "DATABASE_URL",
      "TALLY_DB_LANES",
      "TALLY_PORT",
    ]);
    expect(new ConfigError(problems).message.split("\n")).toHaveLength(4);
  });
});

it("warns of a TALLY_ variable that nobody reads, and of no other", () => {
  const { warnings } = loadConfig({
    TALLY_LISTENS: "x",
    TALLY_URL: "x",
    TALLY_TOKEN: "x",
    TALLY_PROJECT: "x",
    TALLY_SPOOL_DIR: "x",
    TALLY_REPORTS_DIR: "x",
    TALLY_TEST_DATABASE_URL: "x",
    HOME: "x",
  });
  expect(warnings).toEqual(["TALLY_LISTENS is not a setting of the server and is ignored"]);
});

it("ignores the links that Kubernetes sets for a service named tally", () => {
  const config = loadConfig({
    TALLY_PORT: "tcp://10.0.0.1:80",
    TALLY_SERVICE_HOST: "10.0.0.1",
    TALLY_SERVICE_PORT_HTTP: "80",
    TALLY_PORT_80_TCP_ADDR: "10.0.0.1",
    PORT: "9",
  });
  expect(config.listen.port).toBe(9);
  expect(config.warnings).toEqual([expect.stringContaining("Kubernetes")]);
});

it("throws nothing but ConfigError, whatever the environment", () => {
  const name = fc.oneof(
    fc.constantFrom(...Object.values(settings).map((each) => each.name)),
    fc.string().map((text) => `TALLY_${text}`),
    fc.constantFrom("__proto__", "constructor", "toString"),
  );
  const value = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom("1:1", "[::1]:1", "*", "a,b", "1", "true", "::/0", "tcp://x"),
    fc.webUrl(),
    fc.string().map((text) => `postgres://${text}`),
    fc.string().map((text) => `postgres://u:${text}@h/d`),
  );
  fc.assert(
    fc.property(fc.dictionary(name, value), (env) => {
      try {
        loadConfig(env);
      } catch (error) {
        expect(error).toBeInstanceOf(ConfigError);
      }
    }),
    { numRuns: 2000 },
  );
});
