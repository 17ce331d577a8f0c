import { spawn, spawnSync } from "node:child_process";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readmeSection, tableRows } from "./house/readme.js";
import { startTestServer, type TestServer } from "./support/server.js";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ env: { TALLY_FAULTS: "1" } });
});
afterAll(() => server[Symbol.asyncDispose]());

const hasCurl = spawnSync("curl", ["--version"]).status === 0;

it.skipIf(!hasCurl)("answers the curl examples of the README as it says", async () => {
  const [, script = ""] =
    /```sh\n([\s\S]*?)```/.exec(await readmeSection("Sending events with curl")) ?? [];
  const said = script.split("\n").flatMap((line) => /^# (\d{3} .*)$/.exec(line)?.slice(1) ?? []);
  expect(await run(script.replace("http://127.0.0.1:8080", server.url))).toEqual(said);
});

it("shows an example of every status", async () => {
  const examples = await readmeSection("Sending events with curl");
  const shown = [...examples.matchAll(/^# (\d{3}) /gm)].map(([, status]) => status);
  const rows = tableRows(await readmeSection("Answers to events"));
  expect(new Set(shown)).toEqual(new Set(rows.map((row) => /\d{3}/.exec(row)?.[0])));
});

/** Runs the script in a shell; each answer as the README says it. */
async function run(script: string): Promise<string[]> {
  const child = spawn("sh", ["-eu"], {
    env: { PATH: process.env["PATH"] ?? "", TOKEN: server.allToken },
    stdio: ["pipe", "pipe", "inherit"],
  });
  child.stdin.end(script);
  const lines = (await text(child.stdout)).trimEnd().split("\n");
  return lines.flatMap((line, at) =>
    at % 2 === 1 ? [] : [`${lines[at + 1]} ${summaryOf(JSON.parse(line) as Answer)}`],
  );
}

interface Answer {
  /** Of one event. */
  readonly outcome?: string;
  /** Of lines. */
  readonly processedCount?: string;
  readonly rejectedCount?: string;
  /** Of an error. */
  readonly details?: readonly {
    readonly debug?: { readonly reason?: string; readonly fieldViolations?: { field: string }[] };
  }[];
}

function summaryOf({ outcome, processedCount, rejectedCount, details = [] }: Answer): string {
  if (outcome !== undefined) return outcome.replace("EVENT_OUTCOME_", "");
  if (processedCount !== undefined) return `${processedCount} processed, ${rejectedCount} rejected`;
  const reasons = details.flatMap(({ debug }) => debug?.reason ?? []);
  const fields = details.flatMap(({ debug }) => debug?.fieldViolations ?? []).map((v) => v.field);
  return [...reasons, ...(fields.length > 0 ? [fields.join(", ")] : [])].join(" ");
}
