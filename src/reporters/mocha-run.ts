/** Follows a run of Mocha: each attempt as it ends, and at the end the tests that never came to theirs. */
import { Status } from "../../gen/tally/v1/run_pb.js";
import type { TestResultInit } from "../client/index.js";
import { isPrecluded, type Outcome, runnableResult } from "./mocha-result.js";
import type { Runnable, Runner, Suite } from "./mocha-types.js";
import { quietly } from "./quietly.js";
import { useRealClock } from "./real-clock.js";
import { countRepeats } from "./repeats.js";
import { createFileNames } from "./repository-file.js";

/** Reports all that a runner tells. Answers how many failures there were so far. */
export function followRun(runner: Runner, add: (result: TestResultInit) => void): () => number {
  const nameOf = createFileNames(process.cwd());
  const repeatOf = countRepeats();
  const tries = new Map<string, Try>();
  const brokenSuites = new Map<Suite, string>();
  const isParallel = runner.isParallelMode?.() ?? false;
  let failures = 0;

  function report(runnable: Runnable, outcome: TriedOutcome): void {
    const place = {
      suite: runnable.titlePath().slice(0, -1).filter(Boolean).join(" > "),
      file: runnable.file === undefined ? "" : nameOf(runnable.file),
    };
    const { title, duration } = runnable;
    const known = () => repeatOf(place.file, place.suite, title);
    const attempt = outcome.attempt ?? (runnable.currentRetry?.() ?? 0) + 1;
    const { repeatIndex } = nextTry(runnable, attempt, known);
    // The files of a parallel run tell everything when they have ended.
    const endedAt = isParallel || outcome.reason !== undefined ? undefined : Date.now();
    add(
      runnableResult(
        { title, ...place, ...(duration === undefined ? {} : { duration }) },
        { endedAt, ...outcome, attempt, repeatIndex },
      ),
    );
  }

  /** A test that fails after it has passed is reported twice: the second result stands beside the first. */
  function nextTry(runnable: Runnable, attempt: number, newIndex: () => number): Try {
    const id = idOf(runnable);
    const before = tries.get(id);
    const isNext = before !== undefined && before.attempt < attempt;
    const next = { attempt, repeatIndex: isNext ? before.repeatIndex : newIndex() };
    tries.set(id, next);
    return next;
  }

  function fail(runnable: Runnable, error: unknown): void {
    failures++;
    if (runnable.type === "hook" && runnable.parent !== undefined) {
      brokenSuites.set(runnable.parent, runnable.title);
    }
    report(runnable, { status: failedStatus(runnable, error), rawStatus: "failed", error });
  }

  /** The tree has no tests in parallel mode: there nobody tells what did not run. */
  function precludeRest(suite: Suite, brokenBy: string): void {
    const reason = brokenSuites.get(suite) ?? brokenBy;
    for (const test of suite.tests) {
      const isMeant = runner.grepTotal({ eachTest: (visit) => visit(test) }) > 0;
      if (test.state === undefined && isMeant) quietly(() => reportUnfinished(test, reason));
    }
    for (const each of suite.suites) precludeRest(each, reason);
  }

  function reportUnfinished(test: Runnable, reason: string): void {
    const attempt = (tries.get(idOf(test))?.attempt ?? 0) + 1;
    if (test.isPending?.()) {
      report(test, { status: Status.SKIPPED, rawStatus: "pending", attempt, reason: "" });
    } else {
      report(test, { status: Status.PRECLUDED, rawStatus: "", attempt, reason });
    }
  }

  const on = (event: string, step: (runnable: Runnable, error: unknown) => void) =>
    runner.on(event, (runnable, error) =>
      quietly(() => {
        using _clock = useRealClock();
        step(runnable, error);
      }),
    );
  on("pass", (test) => report(test, { status: Status.PASSED, rawStatus: "passed" }));
  on("pending", (test) => report(test, { status: Status.SKIPPED, rawStatus: "pending" }));
  on("retry", (test, error) => report(test, { status: Status.FAILED, rawStatus: "failed", error }));
  on("fail", fail);
  on("end", () => precludeRest(runner.suite, "the run stopped before it"));
  return () => failures;
}

/** The last attempt of a test that was reported. */
interface Try {
  readonly attempt: number;
  readonly repeatIndex: number;
}

type TriedOutcome = Omit<Outcome, "attempt" | "repeatIndex"> & { readonly attempt?: number };

function idOf(runnable: Runnable): string {
  return (runnable.retriedTest?.() ?? runnable).__mocha_id__ ?? runnable.titlePath().join("\0");
}

function failedStatus({ type }: Runnable, error: unknown): Status {
  if (type !== "test") return Status.ERRORED;
  return isPrecluded(error) ? Status.PRECLUDED : Status.FAILED;
}
