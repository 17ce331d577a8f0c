/** Writes results as CTRF, the Common Test Report Format (https://ctrf.io), a test at a time. */
import { type Run, Status } from "../../gen/tally/v1/run_pb.js";
import { addCommonLosses, type Losses } from "./losses.js";
import { groupTries, type PartResult } from "./tries.js";
import { ctrfStatus, ctrfTest, isNextTry, milliseconds } from "./write-ctrf-test.js";

/**
 * The text of a report, in pieces: JSON that its schema allows. The tries of a test within a part of the run are one
 * test with `retryAttempts`. What CTRF cannot hold is counted in `losses`.
 */
export async function* writeCtrf(
  run: Run,
  results: AsyncIterable<PartResult> | Iterable<PartResult>,
  losses: Losses,
): AsyncGenerator<string> {
  const head = {
    reportFormat: "CTRF",
    specVersion: "1.0.0",
    ...(run.runId === "" ? {} : { runId: run.runId }),
    generatedBy: "tally",
  };
  const tool = { name: run.framework || "tally" };
  yield `${JSON.stringify(head).slice(0, -1)},"results":{"tool":${JSON.stringify(tool)},"tests":[`;
  const summary = createSummary(run);
  let separator = "\n";
  for await (const tries of groupTries(results)) {
    for (const sequence of sequencesOf(tries)) {
      const skipped = firstAttempt(sequence) - 1;
      for (const [index, each] of sequence.entries()) {
        addCommonLosses(each, skipped + index + 1, losses);
      }
      summary.add(sequence);
      const test = ctrfTest(
        sequence.map(({ result }) => result),
        skipped,
        losses,
      );
      yield separator + JSON.stringify(test);
      separator = ",\n";
    }
  }
  const rest = { summary: summary.end(), ...environmentOf(run) };
  yield `\n],${JSON.stringify(rest).slice(1)}}\n`;
}

/** Tries of one part that follow each other. */
function sequencesOf(tries: readonly PartResult[]): PartResult[][] {
  const sequences: PartResult[][] = [];
  for (const each of tries) {
    const last = sequences.at(-1)?.at(-1);
    if (last !== undefined && isNextTry(each, last)) sequences.at(-1)?.push(each);
    else sequences.push([each]);
  }
  return sequences;
}

function firstAttempt([first]: readonly PartResult[]): number {
  return Math.max(1, first?.result.attempt ?? 1);
}

function createSummary(run: Run) {
  const counts = { tests: 0, passed: 0, failed: 0, skipped: 0, pending: 0, other: 0, flaky: 0 };
  let start = Number.POSITIVE_INFINITY;
  let stop = 0;
  return {
    add(tries: readonly PartResult[]): void {
      const last = tries.at(-1)?.result;
      if (last === undefined) return;
      counts.tests++;
      counts[ctrfStatus(last)]++;
      if (last.status === Status.PASSED && tries.length > 1) counts.flaky++;
      for (const { result } of tries) {
        const begin = milliseconds(result.startTime);
        if (begin === undefined) continue;
        start = Math.min(start, begin);
        stop = Math.max(stop, begin + (milliseconds(result.duration) ?? 0));
      }
    },
    end() {
      const begin = milliseconds(run.startTime) ?? (Number.isFinite(start) ? start : 0);
      return {
        ...counts,
        start: begin,
        stop: milliseconds(run.finishTime) ?? Math.max(begin, stop),
      };
    },
  };
}

function environmentOf({ source, ci }: Run) {
  const environment = Object.entries({
    repositoryUrl: source?.repositoryUrl,
    commit: source?.commitSha,
    branchName: source?.branch,
    buildId: ci?.buildId,
    buildName: ci?.pipeline,
    buildUrl: ci?.buildUrl,
  }).filter(([, text]) => text);
  return environment.length === 0 ? {} : { environment: Object.fromEntries(environment) };
}
