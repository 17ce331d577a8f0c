/** One file in one project: which results of it are reported, and what is still to be. */
import type { TestResultInit } from "../client/index.js";
import {
  attemptOf,
  attemptResult,
  fileResult,
  type JestFile,
  startOf,
  testOf,
} from "./jest-result.js";
import type { CaseResult, FileResult, FinalResult } from "./jest-types.js";
import { quietly } from "./quietly.js";

export interface FileRunOptions {
  readonly file: JestFile;
  readonly add: (result: TestResultInit) => void;
  /** Counts tests of the same titles. */
  readonly repeatOf: (...known: readonly string[]) => number;
}

export interface FileRun {
  /** Reports an attempt that has ended. */
  take(result: CaseResult): void;
  /**
   * Reports what no attempt told: skipped tests, errors of the file, and tests that failed after they had passed.
   * Takes its own out of `held`: attempts of this path that could be of several projects.
   */
  finish(result: FileResult, held: CaseResult[]): void;
}

/** Begins a file. */
export function startFileRun({ file, add, repeatOf }: FileRunOptions): FileRun {
  const tests = new Map<string, KnownTest[]>();

  function report(result: CaseResult): KnownTest {
    const test = triedBefore(result) ?? newTest(result);
    test.last = result;
    add(attemptResult(result, file, test.repeatIndex));
    return test;
  }

  function newTest(result: CaseResult): KnownTest {
    const key = titlesOf(result);
    const { suite, name, variant } = testOf(result, file);
    const test = {
      repeatIndex: repeatOf(file.name, JSON.stringify(variant), suite, name),
      last: result,
      isSettled: false,
    };
    tests.set(key, [...(tests.get(key) ?? []), test]);
    return test;
  }

  /** The test of these titles that this is the next attempt of. A failed one is tried again before a passed one. */
  function triedBefore(result: CaseResult): KnownTest | undefined {
    const candidates = (tests.get(titlesOf(result)) ?? []).filter(
      ({ last, isSettled }) => !isSettled && attemptOf(last) === attemptOf(result) - 1,
    );
    return candidates.find(({ last }) => last.status === "failed") ?? candidates[0];
  }

  function settle(result: FinalResult, held: CaseResult[]): void {
    const known = tests
      .get(titlesOf(result))
      ?.find((test) => !test.isSettled && isSame(test.last, result));
    (known ?? reportAtLast(result, held)).isSettled = true;
  }

  function reportAtLast(result: FinalResult, held: CaseResult[]): KnownTest {
    takeOut(held, (other) => titlesOf(other) === titlesOf(result) && isSame(other, result));
    for (const earlier of takeEarlier(result, held)) report(earlier);
    return report(result);
  }

  function takeEarlier(result: FinalResult, held: CaseResult[]): CaseResult[] {
    const last = Math.max(
      0,
      ...(tests.get(titlesOf(result)) ?? []).map((test) => attemptOf(test.last)),
    );
    const attempts = Array.from({ length: attemptOf(result) - 1 }, (_, i) => i + 1);
    return attempts
      .filter((attempt) => attempt > last)
      .flatMap((attempt) =>
        takeOut(
          held,
          (other) => titlesOf(other) === titlesOf(result) && attemptOf(other) === attempt,
        ),
      );
  }

  return {
    take: (result) => void report(result),
    finish(result, held) {
      for (const each of result.testResults) quietly(() => settle(each, held));
      const error = result.testExecError;
      if (error !== undefined) add(fileResult(error, result, file));
    },
  };
}

interface KnownTest {
  readonly repeatIndex: number;
  last: CaseResult;
  /** Its last attempt is reported. */
  isSettled: boolean;
}

function titlesOf({ ancestorTitles, title }: FinalResult): string {
  return JSON.stringify([...ancestorTitles, title]);
}

function isSame(a: CaseResult, b: CaseResult): boolean {
  return attemptOf(a) === attemptOf(b) && startOf(a) === startOf(b) && a.status === b.status;
}

/** Takes the first that fits out of a list. */
function takeOut<Item>(list: Item[], fits: (item: Item) => boolean): Item[] {
  const index = list.findIndex(fits);
  return index < 0 ? [] : list.splice(index, 1);
}
