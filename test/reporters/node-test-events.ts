/** What node:test itself says of a run, in the form that stored results are compared in. */
import { readFile } from "node:fs/promises";
import { Status, type TestResult } from "../../gen/tally/v1/run_pb.js";

export const NODE_TEST_PROJECT = "test/fixtures/projects/node-test";

export interface OwnEvent {
  readonly type: string;
  readonly name: string;
  readonly nesting: number;
  readonly file?: string;
  readonly line?: number;
  readonly message?: string;
  readonly skip?: unknown;
  readonly todo?: unknown;
  readonly details?: { readonly type?: string; readonly error?: { readonly failureType: string } };
}

/** What test/fixtures/projects/node-test/events.js wrote. */
export async function readOwnEvents(file: string): Promise<OwnEvent[]> {
  const lines = (await readFile(file, "utf8")).trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line));
}

/** A test as Node reports it: its place, and how it ended. */
export function ownRow({ name, file = "", line, skip, todo, details }: OwnEvent): string {
  const failure = details?.error?.failureType ?? "";
  const word = todo !== undefined ? "todo" : skip !== undefined ? "skip" : failure;
  const isFile = name === file;
  const part = failure === "hookFailed" ? "after hook" : "(file)";
  const where = file.slice(file.indexOf(NODE_TEST_PROJECT));
  return JSON.stringify([where, isFile ? 0 : line, isFile ? part : name.toWellFormed(), word]);
}

/** The same of a result. */
export function rowOf({ test, location, rawStatus }: TestResult): string {
  return JSON.stringify([test?.file, location?.line, test?.name, rawStatus]);
}

/** The figures that Node ends its report with. */
export function ownCounts(events: readonly OwnEvent[]): Record<string, number> {
  const figures = events.flatMap(({ type, message = "" }) => {
    const [, name, count] = /^(tests|pass|fail|cancelled|skipped|todo) (\d+)$/.exec(message) ?? [];
    return type === "test:diagnostic" && name ? [[name, Number(count)] as const] : [];
  });
  return Object.fromEntries(figures);
}

/** The same figures of results. */
export function countsOf(results: readonly TestResult[]): Record<string, number> {
  const counts = { tests: 0, pass: 0, fail: 0, cancelled: 0, skipped: 0, todo: 0 };
  for (const { status, rawStatus } of results) {
    counts.tests++;
    if (rawStatus === "skip") counts.skipped++;
    else if (rawStatus === "todo") counts.todo++;
    else if (CANCELLED.has(rawStatus)) counts.cancelled++;
    else counts[status === Status.PASSED ? "pass" : "fail"]++;
  }
  return counts;
}

/** Node counts these as cancelled, not as failed. */
const CANCELLED = new Set(["cancelledByParent", "testTimeoutFailure", "testAborted"]);
