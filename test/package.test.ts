import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { publint } from "publint";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { readmeSection } from "./house/readme.js";
import { type InstalledPackage, installPackage, link } from "./support/installed-package.js";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });
const run = promisify(execFile);
const ROOT = fileURLToPath(new URL("../", import.meta.url));
const REPORTERS = ["vitest", "jest", "playwright", "mocha", "node-test"];
let installed: InstalledPackage;
beforeAll(async () => {
  installed = await installPackage();
});
afterAll(() => installed[Symbol.asyncDispose]());

it("depends on what clients need alone, in the versions of the repository", async () => {
  const root = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8")) as {
    dependencies: Record<string, string>;
  };
  const { dependencies } = installed.manifest;
  expect(Object.keys(dependencies)).toEqual([
    "@bufbuild/protobuf",
    "@connectrpc/connect",
    "@connectrpc/connect-node",
    "@grpc/grpc-js",
    "commander",
    "saxes",
    "tinyglobby",
  ]);
  expect(root.dependencies).toMatchObject(dependencies);
  expect(installed.manifest).not.toHaveProperty("devDependencies");
  expect(installed.manifest).not.toHaveProperty("private");
});

it("has nothing of the server, and is small", () => {
  const strange = [...installed.files.keys()].filter((path) => !PUBLISHED.test(path));
  expect(strange).toEqual([]);
  for (const path of ["README.md", "LICENSE"]) expect(installed.files.has(path)).toBe(true);
  const bytes = [...installed.files.values()].reduce((sum, size) => sum + size, 0);
  expect(bytes).toBeLessThan(1_250_000);
});

/** The published areas, what they share with the server, and the contract. */
const PUBLISHED =
  /^(?:package\.json|README\.md|LICENSE|(?:src\/(?:client|reporters|formats|cli|wire)\/.+|src\/(?:csv|event-lines|limits|on-signals|text|version)|gen\/(?:tally\/v1|google\/rpc)\/\w+)(?:\.js|\.d\.ts))$/;

it("exports the client, the contract, the formats and every reporter that there is", () => {
  const reporters = REPORTERS.filter((name) => existsSync(join(ROOT, `src/reporters/${name}.ts`)));
  expect(Object.keys(installed.manifest.exports)).toEqual([
    ...[".", "./v1", "./formats"],
    ...reporters.map((name) => `./${name}`),
    "./package.json",
  ]);
});

it("has every name of the contract in ./v1", async () => {
  const modules = await readdir(join(ROOT, "gen/tally/v1"));
  expect(modules.length).toBeGreaterThan(10);
  const paths = modules.map((module) =>
    join(installed.folder, "gen/tally/v1", module.replace(/\.ts$/, ".js")),
  );
  const { stdout } = await runModule(
    `const names = new Set(Object.keys(await import("tally/v1")));
    for (const path of ${JSON.stringify(paths)}) {
      const missing = Object.keys(await import(path)).filter((name) => !names.has(name));
      if (missing.length > 0) console.log(path, missing);
    }
    console.log(names.size);`,
  );
  expect(stdout).toMatch(/^\d{3}\n$/);
});

function runModule(code: string) {
  return run(process.execPath, ["--input-type=module", "--eval", code], { cwd: installed.project });
}

it("runs as a program that npx finds", async () => {
  const tally = async (flag: string) =>
    (await run("npx", ["--no", "--", "tally", flag], { cwd: installed.project })).stdout;
  const help = await tally("--help");
  expect(help).toContain("Usage: tally");
  expect(help).toContain("upload [options] <files...>");
  expect(await tally("--version")).toBe(`${installed.manifest.version}\n`);
});

it("can be required too, as mocha does with reporters", async () => {
  const code = `console.log(typeof require("tally").openRun)`;
  const { stdout } = await run(process.execPath, ["--eval", code], { cwd: installed.project });
  expect(stdout.trim()).toBe("function");
});

it("compiles strict programs against its declarations, also those of the documents", async () => {
  await link(installed.project, "@types/node");
  const programs = {
    "readme-client.ts": codeOf(await readmeSection("With the typed client")),
    "readme-run.ts": codeOf(await readmeSection("A run while it goes on")),
    "package.ts": codeOf(await readFile(join(ROOT, "docs/package.md"), "utf8")),
    "misused.ts": MISUSED,
  };
  for (const [name, text] of Object.entries(programs)) {
    expect(text).toContain('from "tally"');
    await writeFile(join(installed.project, name), text);
  }
  await writeFile(join(installed.project, "package.json"), '{"type":"module"}');
  for (const modules of MODULES) {
    const tsconfig = {
      // The declarations of Connect need those of the browser.
      compilerOptions: { ...STRICT, ...modules, lib: ["es2023", "dom"], types: ["node"] },
      files: Object.keys(programs),
    };
    await writeFile(join(installed.project, "tsconfig.json"), JSON.stringify(tsconfig));
    const tsc = join(ROOT, "node_modules/.bin/tsc");
    const { stdout } = await run(tsc, ["-p", "."], { cwd: installed.project }).catch(
      (error: { stdout: string }) => error,
    );
    expect(stdout).toBe("");
  }
});

const MODULES = [{ module: "nodenext" }, { module: "esnext", moduleResolution: "bundler" }];
const STRICT = {
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noPropertyAccessFromIndexSignature: true,
  verbatimModuleSyntax: true,
  target: "es2023",
  noEmit: true,
};

/** A declaration that has become `any` would take what is wrong. */
const MISUSED = `
import { createTallyClient, openRun } from "tally";
import { createAttempts, parseReport, type ReportItem, writeCtrf } from "tally/formats";
import { RunSchema, Status, type TestResult } from "tally/v1";
const client = createTallyClient({ url: "http://127.0.0.1:8080" });
const run = openRun({ client, run: { runId: "r" } });
export const items: AsyncGenerator<ReportItem> = parseReport("junit", process.stdin, { attempts: createAttempts() });
// @ts-expect-error a status is no text
run.add({ test: { name: "adds" }, status: "passed" });
// @ts-expect-error a test is no text
export const result: Pick<TestResult, "test" | "status"> = { test: "adds", status: Status.PASSED };
// @ts-expect-error there is no such format
parseReport("tap", process.stdin);
// @ts-expect-error results are missing
writeCtrf(RunSchema);
// @ts-expect-error there is no such service
client.nothing;
`;

function codeOf(markdown: string): string {
  return [...markdown.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code).join("\n");
}

it("satisfies publint, and are-the-types-wrong for packages of modules", async () => {
  const { messages } = await publint({
    pkgDir: installed.folder,
    pack: false,
    level: "suggestion",
    strict: true,
  });
  expect(messages).toEqual([]);
  const tarball = createPackageFromTarballData(await readFile(installed.tarball));
  const answer = await checkPackage(tarball);
  if (answer.types === false) throw new Error("the package has no declarations");
  // The profile "esm-only": a Node that requires no modules, or knows no exports, is too old for the package.
  const problems = answer.problems.filter(
    (each) =>
      !("resolutionKind" in each) || !["node10", "node16-cjs"].includes(each.resolutionKind),
  );
  expect(problems).toEqual([]);
  expect(Object.keys(answer.entrypoints)).toEqual(Object.keys(installed.manifest.exports));
});

it("loads within a few times the processor time of grpc-js", async () => {
  const entries = Object.keys(installed.manifest.exports).filter((name) => !name.endsWith(".json"));
  const modules = ["@grpc/grpc-js", ...entries.map((name) => name.replace(/^\./, "tally"))];
  const least = new Map<string, number>();
  for (let round = 0; round < 2; round++) {
    for (const module of modules) {
      const ms = await loadingMs(module);
      least.set(module, Math.min(ms, least.get(module) ?? ms));
    }
  }
  const base = least.get("@grpc/grpc-js") ?? 0;
  const ratios = modules.map((module) => [module, (least.get(module) ?? 0) / base] as const);
  console.log(ratios.map(([module, ratio]) => `${module} ${ratio.toFixed(1)}`).join(", "));
  for (const [module, ratio] of ratios) {
    expect(ratio, module).toBeLessThan(module === "tally" ? 9 : 6);
  }
});

async function loadingMs(module: string): Promise<number> {
  const { stdout } = await runModule(
    `const before = process.cpuUsage();
    await import(${JSON.stringify(module)});
    const { user, system } = process.cpuUsage(before);
    console.log((user + system) / 1000);`,
  );
  return Number(stdout);
}
