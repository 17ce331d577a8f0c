import { expect, it } from "vitest";
import { readSourceFiles, withoutComments } from "./source-files.js";

/** Files at the top of src that belong to no folder: each is an area of its own. */
const shared = [
  "limits",
  "text",
  "errors",
  "log",
  "metrics",
  "bounded-cache",
  "byte-budget",
  "collector",
  "heavy-steps",
  "hash-parts",
  "rate",
  "json-times",
  "wire",
];
const protobuf = "@bufbuild/protobuf";
const connect = "@connectrpc/connect";
const grpc = "@grpc/grpc-js";

/**
 * Which areas and packages each area of src may import, besides itself and Node. Imports run one way: the
 * published parts (client, reporters, formats, cli) reach no part of the server, and only the database layer
 * knows the driver. An area that is not here may import nothing.
 */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  limits: [],
  text: [],
  "bounded-cache": [],
  "byte-budget": ["errors", connect],
  collector: [],
  "heavy-steps": [],
  "hash-parts": [],
  rate: [],
  "json-times": [protobuf],
  wire: [protobuf],
  csv: [],
  "on-signals": [],
  "event-lines": ["csv", "gen", protobuf],
  log: ["pino"],
  metrics: ["prom-client"],
  gen: [protobuf],
  errors: ["gen", "limits", protobuf, connect],

  db: ["limits", "heavy-steps", "postgres"],
  embedded: ["log"],
  auth: ["gen", "db", ...shared, protobuf, connect, "bcryptjs"],
  "group-commit": ["db"],
  ingest: ["gen", "group-commit", "db", ...shared, protobuf, connect],
  events: ["gen", "group-commit", "db", ...shared, protobuf, connect],
  stats: ["gen", "db", ...shared, protobuf, connect],
  "queue-gauge": [],
  "writer-hooks": ["group-commit", "metrics"],
  version: [],
  cleanups: [],
  jobs: ["ingest", "events", "stats", "auth", "db", ...shared],
  rpc: ["ingest", "events", "stats", "db", "auth", "formats", "gen", ...shared, protobuf, connect],
  server: [
    "rpc",
    "auth",
    "gen",
    ...shared,
    protobuf,
    connect,
    "@connectrpc/connect-node",
    grpc,
    "@grpc/reflection",
    "grpc-health-check",
  ],

  client: ["gen", "limits", "text", "wire", protobuf, connect, "@connectrpc/connect-node", grpc],
  formats: ["client", "gen", "limits", "text", protobuf, "saxes"],
  // Frameworks by their types alone.
  reporters: [
    "client",
    "formats",
    "gen",
    "limits",
    "text",
    protobuf,
    connect,
    "jest",
    "@playwright/test",
    "vitest",
  ],
  cli: [
    "client",
    "formats",
    "gen",
    "limits",
    "csv",
    "event-lines",
    "on-signals",
    "version",
    protobuf,
    connect,
    "commander",
    "tinyglobby",
  ],
  web: [
    "gen",
    "csv",
    "event-lines",
    "json-times",
    protobuf,
    connect,
    "@connectrpc/connect-query",
    "@connectrpc/connect-web",
    "@tanstack/react-query",
    "@tanstack/react-virtual",
    "react",
    "react-dom",
    "uplot",
    "wouter",
  ],

  "setting-values": [],
  settings: ["setting-values"],
  config: ["settings", "setting-values"],

  "open-database": ["cleanups", "config", "db", "embedded", "log", "settings"],
  "open-writers": ["cleanups", "db", "events", "group-commit", "ingest", "metrics", "writer-hooks"],
  "process-workers": ["db", "events", "ingest", "jobs", "log"],
  folding: ["log"],
  "folding-thread": ["db", "folding", "jobs", "log"],
  recount: ["config", "db", "open-database", "stats"],
  work: ["cleanups", "config", "db", "log", "open-database", "process-workers"],
};
/** Where everything comes together. */
const free = ["app", "main"];

const files = await readSourceFiles(["src", "gen"]);

it("reads what a file imports", () => {
  const client = files.find(({ path }) => path === "src/db/client.ts");
  expect(client?.imports).toEqual([
    "node:net",
    "postgres",
    "src/db/classify.ts",
    "src/db/errors.ts",
    "src/db/queryable.ts",
    "src/db/rows.ts",
  ]);
});

it("imports one way", () => {
  const wrong = files.flatMap(({ path, imports }) => {
    const area = areaOf(path);
    const allowed = mayImport[area] ?? [];
    return imports
      .filter((each) => !each.startsWith("node:") && !free.includes(area))
      .map(areaOf)
      .filter((target) => target !== area && !allowed.includes(target))
      .map((target) => `${path} must not import ${target}`);
  });
  expect(wrong).toEqual([]);
});

it("has no cycle of imports", () => {
  const importsOf = new Map(files.map(({ path, imports }) => [path, imports]));
  const inCycles = files
    .filter(({ path, imports }) => reachable(imports, importsOf).has(path))
    .map(({ path, imports }) => {
      const back = imports.filter((each) => reachable([each], importsOf).has(path));
      return `${path} imports ${back.join(", ")}`;
    });
  expect(inCycles).toEqual([]);
});

it("imports the driver in one file", () => {
  const importers = files.filter(({ imports }) => imports.includes("postgres"));
  expect(importers.map(({ path }) => path)).toEqual(["src/db/client.ts"]);
});

it("has SQL in the database layer alone", () => {
  const wrong = files
    .filter(({ path }) => !path.startsWith("src/db/") && !path.startsWith("src/embedded/"))
    .flatMap(({ path, text }) => {
      const found = SQL.exec(withoutComments(text));
      return found === null ? [] : [`${path}: ${found[0]}`];
    });
  expect(wrong).toEqual([]);
});

/** Upper case, as SQL is written here; prose and identifiers are not. */
const SQL =
  /\b(?:SELECT\s+[\w*('$]|INSERT\s+INTO\s|DELETE\s+FROM\s|UPDATE\s+\w+\s+SET\s|TRUNCATE\s+\w|(?:CREATE|ALTER|DROP)\s+(?:TABLE|INDEX|DATABASE)\s)/;

/** `src/db/x.ts` → `db`, `src/limits.ts` → `limits`, `gen/…` → `gen`, `package.json` and packages → themselves. */
function areaOf(path: string): string {
  const [top = "", next = ""] = path.split("/");
  if (top === "src") return next.replace(/\.[jt]s$/, "");
  return top.startsWith("@") ? path : top;
}

/** These files, and all that they import directly or through others. */
function reachable(
  paths: readonly string[],
  importsOf: ReadonlyMap<string, readonly string[]>,
): Set<string> {
  const seen = new Set<string>();
  const waiting = [...paths];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    waiting.push(...(importsOf.get(next) ?? []));
  }
  return seen;
}
