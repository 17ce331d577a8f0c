/** The results of a run, gathered by test, for formats that tell a test's tries together. */
import type { Part, Test, TestResult } from "../../gen/tally/v1/run_pb.js";

/** A result, and the part of the run that sent it. */
export interface PartResult {
  readonly result: TestResult;
  readonly part: Part | undefined;
}

/**
 * The results of each test that come one after the other, in the order of its tries: by job, shard, CI attempt, attempt
 * and repeat. Holds up to 1,000 results of one test.
 */
export async function* groupTries(
  results: AsyncIterable<PartResult> | Iterable<PartResult>,
): AsyncGenerator<PartResult[]> {
  let tries: PartResult[] = [];
  for await (const each of results) {
    const [first] = tries;
    const belongs = first !== undefined && isSameTest(first.result.test, each.result.test);
    if (first !== undefined && (!belongs || tries.length === MAX_TRIES)) {
      yield inOrder(tries);
      tries = [];
    }
    tries.push(each);
  }
  if (tries.length > 0) yield inOrder(tries);
}

/** Whether two results came from one part of the run. */
export function isSamePart(a: Part | undefined, b: Part | undefined): boolean {
  return compareParts(a, b) === 0;
}

function inOrder(tries: PartResult[]): PartResult[] {
  return tries.sort(
    (a, b) =>
      compareParts(a.part, b.part) ||
      a.result.attempt - b.result.attempt ||
      a.result.repeatIndex - b.result.repeatIndex,
  );
}

function compareParts(a: Part | undefined, b: Part | undefined): number {
  return (
    compareTexts(a?.job ?? "", b?.job ?? "") ||
    (a?.shardIndex ?? 0) - (b?.shardIndex ?? 0) ||
    (a?.attempt ?? 0) - (b?.attempt ?? 0) ||
    compareTexts(a?.producer ?? "", b?.producer ?? "")
  );
}

function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function isSameTest(a: Test | undefined, b: Test | undefined): boolean {
  return identityOf(a) === identityOf(b);
}

function identityOf(test: Test | undefined): string {
  if (test === undefined) return "";
  const { suite, file, name, parameters, variant } = test;
  const entries = Object.entries(variant).sort(([x], [y]) => compareTexts(x, y));
  return JSON.stringify([suite, file, name, parameters, entries]);
}

const MAX_TRIES = 1000;
