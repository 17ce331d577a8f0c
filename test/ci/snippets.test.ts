import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { parse } from "yaml";
import { readAction } from "./action.js";

// Each command is a process.
vi.setConfig({ testTimeout: 90_000 });
const DOCUMENTS = ["docs/ci.md", "docs/package.md"];
let folder: string;

/** An npx that runs this repository's program, if it is called as the documents say. */
const NPX = `#!/usr/bin/env bash
[[ "$1 $2 $3" == "--no -- tally" ]] && shift 3
[[ "$1 $2 $3 $4" == "-y --package=the-package -- tally" ]] && shift 4
exec "${process.execPath}" "${fileURLToPath(new URL("../../dist/src/cli/main.js", import.meta.url))}" "$@"
`;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tally-snippets-"));
  await writeFile(join(folder, "npx"), NPX, { mode: 0o755 });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const texts = new Map(
  await Promise.all(
    DOCUMENTS.map(
      async (path) =>
        [path, await readFile(new URL(`../../${path}`, import.meta.url), "utf8")] as const,
    ),
  ),
);
const blocks = [...texts.values()].flatMap((text) =>
  [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language = "", code = ""]) => ({
    language,
    code,
  })),
);
const commands = [
  ...new Set(
    blocks
      .flatMap(({ code }) => code.match(/npx .*$/gm) ?? [])
      .map((line) => line.replace(/ +#.*$/, "")),
  ),
];

it("calls tally through npx alone", () => {
  expect(commands.length).toBeGreaterThan(5);
  const code = blocks.map((block) => block.code.replace(/#.*$/gm, "")).join("\n");
  expect(code.match(/.*(?<!-- )\btally (?:upload|spool|summary).*/g)).toBeNull();
});

it.each(commands)("has a command that this version knows: %s", async (command) => {
  const child = spawn("bash", ["-c", command], {
    cwd: folder,
    env: {
      PATH: `${folder}${delimiter}${process.env["PATH"] ?? ""}`,
      TALLY_URL: "http://127.0.0.1:9",
      TALLY_TOKEN: "t",
      TALLY_RUN_ID: "r",
      TALLY_PACKAGE: "the-package",
      BASE_RUN: "a",
      HEAD_RUN: "b",
      GITHUB_STEP_SUMMARY: join(folder, "summary.md"),
    },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const [code] = (await once(child, "close")) as [number];
  // No server answers; a command line that makes no sense would be 2.
  expect(code, stderr).toBe(/--soft|--help/.test(command) ? 0 : 3);
});

describe("for each CI system", () => {
  const sections = (texts.get("docs/ci.md") ?? "").split(/^## /m).slice(1, 7);

  it.each(sections.map((text) => [text.split("\n", 1)[0], text] as const))(
    "uploads softly, and sends the spool after that: %s",
    (_, text) => {
      const lines = text.match(/-- tally (?:upload|spool send).*/g) ?? [];
      const words = lines.map((line) => line.split(" ").slice(2, 3).join(" "));
      expect(words).toEqual(["upload", "spool"]);
      for (const line of lines) expect(line).toContain("--soft");
      expect(text).toMatch(/always|after_script|post-command/);
    },
  );

  it("is YAML where it says so, and gives the action inputs that it has", async () => {
    const yaml = blocks.filter(({ language }) => language === "yaml");
    expect(yaml.length).toBe(5);
    const [first] = yaml.map(({ code }) => parse(code) as Workflow);
    const step = first?.jobs.test.steps.find(({ uses = "" }) => uses.includes("tally"));
    expect(step?.if).toBe("always()");
    const { inputs } = await readAction();
    expect(Object.keys(inputs)).toEqual(
      expect.arrayContaining(Object.keys(step?.with ?? { none: "" })),
    );
  });
});

interface Workflow {
  readonly jobs: {
    readonly test: {
      readonly steps: readonly {
        readonly uses?: string;
        readonly if?: string;
        readonly with?: Readonly<Record<string, string>>;
      }[];
    };
  };
}
