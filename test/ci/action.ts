/** The GitHub Action of this repository, and a runner for its script. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";

export interface Action {
  readonly inputs: Readonly<Record<string, { description?: string; default?: string }>>;
  readonly runs: {
    readonly using: string;
    readonly steps: readonly {
      readonly name: string;
      readonly if?: string;
      readonly uses?: string;
      readonly shell?: string;
      readonly run?: string;
      readonly env?: Readonly<Record<string, string>>;
      readonly with?: Readonly<Record<string, string>>;
    }[];
  };
}

export interface ActionRun {
  readonly code: number | null;
  readonly log: string;
  /** The job summary. */
  readonly summary: string;
}

/** Reads action.yml. */
export async function readAction(): Promise<Action> {
  return parse(await readFile(new URL("../../action.yml", import.meta.url), "utf8")) as Action;
}

/**
 * Runs the script as a runner does: in `project`, with the inputs, the variables and the matrix of a job. Answers what
 * it logged and wrote.
 */
export async function runAction(
  project: string,
  given: {
    readonly inputs: Readonly<Record<string, string>>;
    readonly env?: Readonly<Record<string, string>>;
    readonly strategy?: Readonly<Record<string, string>>;
  },
): Promise<ActionRun> {
  const { inputs, runs } = await readAction();
  const [step] = runs.steps.filter(({ run }) => run !== undefined);
  const temporary = await mkdtemp(join(tmpdir(), "tally-runner-"));
  const summaryFile = join(temporary, "summary.md");
  const script = join(temporary, "step.sh");
  await writeFile(summaryFile, "");
  await writeFile(script, step?.run ?? "exit 99");
  const defaults = Object.entries(inputs).map(([name, input]) => [name, input.default ?? ""]);
  const contexts: Contexts = {
    inputs: { ...Object.fromEntries(defaults), ...given.inputs },
    env: given.env ?? {},
    strategy: { "job-index": "0", "job-total": "1", ...given.strategy },
  };
  const child = spawn("bash", ["--noprofile", "--norc", "-eo", "pipefail", script], {
    cwd: project,
    env: {
      PATH: process.env["PATH"] ?? "",
      HOME: temporary,
      GITHUB_ACTIONS: "true",
      GITHUB_JOB: "unit",
      GITHUB_REPOSITORY: "acme/shop",
      GITHUB_REF_NAME: "main",
      GITHUB_SHA: "a".repeat(40),
      GITHUB_STEP_SUMMARY: summaryFile,
      RUNNER_TEMP: temporary,
      ...given.env,
      ...Object.fromEntries(
        Object.entries(step?.env ?? {}).map(([name, text]) => [name, evaluate(text, contexts)]),
      ),
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      log += text;
    });
  }
  const [code] = (await once(child, "close")) as [number | null];
  const summary = await readFile(summaryFile, "utf8");
  await rm(temporary, { recursive: true, force: true });
  return { code, log, summary };
}

type Contexts = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** `${{ inputs.a || env.B }}` and nothing else. */
function evaluate(text: string, contexts: Contexts): string {
  const [, expression] = /^\$\{\{ ([^{}]+) \}\}$/.exec(text) ?? [];
  if (expression === undefined) throw new Error(`no expression: ${text}`);
  for (const path of expression.split(" || ")) {
    const [context = "", name = ""] = path.split(".");
    const values = contexts[context];
    if (values === undefined) throw new Error(`no context: ${text}`);
    if (values[name]) return values[name];
  }
  return "";
}
