/** What failures that come, change their time, or go move in the figures of their groups. */
import type {
  FailureRow,
  FoldStep,
  GroupDayMove,
  GroupMoves,
  GroupRunMove,
  GroupTestMove,
} from "../../db/fold-rows.js";
import { dayOf } from "../windows.js";

/** A failure that moves from one time to another: null where it was not there, or is not any more. */
export interface FailureMove {
  readonly failure: FailureRow;
  readonly fromUs: number | null;
  readonly toUs: number | null;
}

/** A group in a test, which some failures leave. */
export interface GroupTest {
  readonly fingerprint: string;
  readonly testKey: number;
}

type Groups = Pick<FoldStep, "groupDays" | "groupRuns" | "groupTests">;

/**
 * The moves of the groups. `otherUsOf` tells when the newest failure of a group in a test counts that stays where it
 * is; null: there is none.
 */
export function moveGroups(
  moves: readonly FailureMove[],
  otherUsOf: (of: GroupTest) => number | null,
): Groups {
  const days = createMoves<GroupDayMove>();
  const runs = createMoves<GroupRunMove>();
  const tests = createMoves<GroupTestMove>();
  for (const { failure, fromUs, toUs } of moves) {
    const { fingerprint, runKey, testKey } = failure;
    for (const [us, count] of [
      [fromUs, -1],
      [toUs, 1],
    ] as const) {
      if (us === null) continue;
      const day = dayOf(us);
      days.add(`${fingerprint} ${day}`, count, () => ({ fingerprint, day, failures: 0 }));
      runs.add(
        `${fingerprint} ${runKey}`,
        count,
        () => ({ fingerprint, runKey, countedUs: us, failures: 0 }),
        (move) => (count === 1 ? { ...move, countedUs: us } : move),
      );
      tests.add(
        `${fingerprint} ${testKey}`,
        count,
        () => ({ fingerprint, testKey, lastCountedUs: Number.NEGATIVE_INFINITY, failures: 0 }),
        (move) =>
          count === 1 ? { ...move, lastCountedUs: Math.max(move.lastCountedUs, us) } : move,
      );
    }
  }
  const { added, changed } = tests.result();
  return {
    groupDays: days.result(),
    groupRuns: runs.result(),
    groupTests: {
      added,
      changed: changed.map((move) => {
        const lastCountedUs = Math.max(move.lastCountedUs, otherUsOf(move) ?? 0);
        return { ...move, lastCountedUs };
      }),
    },
  };
}

/** The groups in tests that failures leave. */
export function lessenedGroups(moves: readonly FailureMove[]): GroupTest[] {
  const found = new Map<string, GroupTest>();
  for (const { failure, fromUs } of moves) {
    const { fingerprint, testKey } = failure;
    if (fromUs !== null) found.set(`${fingerprint} ${testKey}`, { fingerprint, testKey });
  }
  return [...found.values()];
}

function createMoves<Move extends { readonly failures: number }>() {
  const moves = new Map<string, Move>();
  /** Their rows are there: something leaves them. */
  const changed = new Set<string>();
  return {
    add(key: string, count: 1 | -1, first: () => Move, change: (move: Move) => Move = (m) => m) {
      const move = change(moves.get(key) ?? first());
      moves.set(key, { ...move, failures: move.failures + count });
      if (count === -1) changed.add(key);
    },
    result(): GroupMoves<Move> {
      const all = [...moves];
      return {
        added: all.filter(([key]) => !changed.has(key)).map(([, move]) => move),
        changed: all.filter(([key]) => changed.has(key)).map(([, move]) => move),
      };
    },
  };
}
