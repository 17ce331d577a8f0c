/** What a report file is read into. */
import type { TestResult } from "../../gen/tally/v1/run_pb.js";

/** The formats of report files that can be read. */
export type ReportFormat = "junit" | "ctrf";

export type ReportItem = ReportResult | ReportWarning;

export interface ReportResult {
  readonly kind: "result";
  readonly result: TestResult;
  /** The line on which the test case begins, from 1. */
  readonly line: number;
  /**
   * A further try that the test case lists inside itself (`flakyFailure`, `rerunFailure`, `retryAttempts`).
   * The results without this mark are as many as the file's test cases, and suites that failed themselves.
   */
  readonly retry: boolean;
}

/** Something that was tolerated. A file yields up to 100 of them, and then one that counts the others. */
export interface ReportWarning {
  readonly kind: "warning";
  readonly line: number;
  readonly message: string;
}

/** The file cannot be read on from here. What came before has been yielded. */
export class ReportDamage extends Error {
  /** From 1. */
  readonly line: number;
  /** From 1; 0 where it is not known. */
  readonly column: number;
  readonly reason: string;

  constructor(line: number, column: number, reason: string) {
    super(`line ${line}: ${reason}`);
    this.name = "ReportDamage";
    this.line = line;
    this.column = column;
    this.reason = reason;
  }
}

/** Takes warnings and passes on the first 100. */
export interface Warnings {
  add(line: number, message: string): void;
  /** Passes on how many were left out, if any. */
  close(line: number): void;
}

/** Warnings into a list of items. */
export function createWarnings(emit: (item: ReportItem) => void): Warnings {
  let count = 0;
  return {
    add(line, message) {
      if (++count <= MAX_WARNINGS) emit({ kind: "warning", line, message });
    },
    close(line) {
      const left = count - MAX_WARNINGS;
      if (left > 0) emit({ kind: "warning", line, message: `${left} more warnings are left out` });
    },
  };
}

const MAX_WARNINGS = 100;
