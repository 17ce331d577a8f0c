/**
 * What one step of folding changes: rows of the folded tables. Counts and sums are added to what is stored, or taken
 * away; everything else replaces it. Keys are int8 in decimal, but of tests, which are many: those are numbers. Days
 * are counted from 1970-01-01, times in microseconds since then.
 */

/** Results by status, in the order of the statuses: passed, failed, errored, skipped, precluded. */
export type StatusCounts = readonly [number, number, number, number, number];

/** A sum of microseconds; in decimal where a double would not be exact. */
export type Micros = number | string;

/** A row of the queue. */
export interface QueueKey {
  readonly runKey: string;
  readonly batchKey: string;
}

/** By what other runs with the same code are known; '' is absent. */
export interface CodeFacts {
  readonly commitSha: string;
  readonly treeSha: string;
  readonly dirty: boolean;
}

/** By what the results of a run stand in the figures. */
export interface CountedFacts {
  readonly countedUs: number;
  readonly branch: string;
}

/** A row of folded_runs. */
export interface FoldedRun extends CodeFacts, CountedFacts {
  readonly runKey: string;
  /** While its results move to other facts. */
  readonly move: RunMove | null;
}

/** Where the results of a run move to, and the last one that has moved: by test, then id. */
export interface RunMove extends CountedFacts {
  readonly testKey: number;
  readonly resultId: string;
}

/** To the totals of a part. */
export interface PartMove {
  readonly runKey: string;
  /** In hexadecimal. */
  readonly partId: string;
  readonly counts: StatusCounts;
  readonly duplicates: number;
  readonly foreign: number;
  readonly conflicts: number;
  readonly rejected: number;
  readonly late: number;
  readonly durationUs: Micros;
  /** The histogram, in bytes. */
  readonly durations: Uint8Array;
}

/** An hour or a day of a project. */
export interface PeriodKey {
  /** 1 an hour, 2 a day. */
  readonly unit: number;
  /** Null: all branches. */
  readonly branch: string | null;
  readonly startUs: number;
}

export interface PeriodMove extends PeriodKey {
  readonly counts: StatusCounts;
  readonly durationUs: Micros;
  readonly durations: Uint8Array;
}

/** Of a test on a day, what is not a sum. */
export interface TestDayState {
  readonly durations: Uint8Array;
  /** The newest of its runs on that day, newest first, with commas in between. */
  readonly runKeys: string;
  /** There may be older ones. */
  readonly moreRuns: boolean;
}

export interface TestDayMove extends TestDayState {
  readonly testKey: number;
  readonly day: number;
  readonly counts: StatusCounts;
  readonly flaky: number;
  readonly durationUs: Micros;
}

/** Of the windows of a test, what is not a sum. Lists are in the order of WINDOW_DAYS. */
export interface TestWindowsState {
  /** Their last day. */
  readonly day: number;
  readonly lastRunKey: string;
  readonly lastCountedUs: number;
  readonly lastStatus: number;
  /** 0 where there is no duration. */
  readonly p95Us: readonly [number, number, number, number];
  /** Of all windows but the first. */
  readonly durations: readonly [Uint8Array, Uint8Array, Uint8Array];
  readonly recent: Uint8Array;
}

/** What a window gains; less than 0 where days leave it. */
export interface WindowSums {
  readonly counts: StatusCounts;
  readonly flaky: number;
  readonly durationUs: Micros;
}

export interface TestWindowsMove extends TestWindowsState {
  readonly testKey: number;
  readonly sums: readonly [WindowSums, WindowSums, WindowSums, WindowSums];
}

export interface FailureKey {
  readonly runKey: string;
  readonly testKey: number;
  readonly resultId: string;
}

/** A row of failures. Its code is '' where the run is dirty, and of results that errored. */
export interface FailureRow extends FailureKey {
  readonly fingerprint: string;
  readonly countedUs: number;
  readonly status: number;
  readonly attempt: number;
  readonly contradicted: boolean;
  readonly job: string;
  readonly commitSha: string;
  readonly treeSha: string;
}

/** What a fingerprint stands for. */
export interface FailureGroup {
  readonly fingerprint: string;
  readonly kind: string;
  readonly type: string;
  readonly maskedMessage: string;
}

/** Failures of a group on a day. */
export interface GroupDayMove {
  readonly fingerprint: string;
  readonly day: number;
  readonly failures: number;
}

/** Failures of a group in a run. */
export interface GroupRunMove {
  readonly fingerprint: string;
  readonly runKey: string;
  readonly countedUs: number;
  readonly failures: number;
}

/** Failures of a group in a test, and when the newest of its runs counts. */
export interface GroupTestMove {
  readonly fingerprint: string;
  readonly testKey: number;
  readonly lastCountedUs: number;
  readonly failures: number;
}

/**
 * New rows, or more for those that are there; and changes of such that lose some: they get what is said of them, and
 * go with their last failure.
 */
export interface GroupMoves<Move> {
  readonly added: readonly Move[];
  readonly changed: readonly Move[];
}

/** One step of folding. */
export interface FoldStep {
  /** What it takes off the queue. */
  readonly queue: readonly QueueKey[];
  readonly runs: readonly FoldedRun[];
  readonly parts: readonly PartMove[];
  readonly periods: readonly PeriodMove[];
  readonly testDays: readonly TestDayMove[];
  readonly testWindows: readonly TestWindowsMove[];
  /** New ones, and changes of those that are there. */
  readonly failures: readonly FailureRow[];
  readonly goneFailures: readonly FailureKey[];
  readonly groups: readonly FailureGroup[];
  readonly groupDays: GroupMoves<GroupDayMove>;
  readonly groupRuns: GroupMoves<GroupRunMove>;
  readonly groupTests: GroupMoves<GroupTestMove>;
  /** Deleted runs that results have come to: they may be purged already, and are again. */
  readonly unpurgedRuns: readonly string[];
}

const NOTHING: GroupMoves<never> = { added: [], changed: [] };

/** A step that changes nothing. */
export const EMPTY_STEP: FoldStep = {
  queue: [],
  runs: [],
  parts: [],
  periods: [],
  testDays: [],
  testWindows: [],
  failures: [],
  goneFailures: [],
  groups: [],
  groupDays: NOTHING,
  groupRuns: NOTHING,
  groupTests: NOTHING,
  unpurgedRuns: [],
};
