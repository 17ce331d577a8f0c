/** What clients send: new results, repeats, conflicts and invalid ones, over a few runs that they share. */
import { clone, create } from "@bufbuild/protobuf";
import { DurationSchema } from "@bufbuild/protobuf/wkt";
import { between, pick, type Random } from "../../bench/random.js";
import {
  FailureSchema,
  Status,
  type TestResult,
  TestResultSchema,
  TestSchema,
} from "../../gen/tally/v1/run_pb.js";
import { limits } from "../../src/limits.js";
import type { Attempt, Journal, Target } from "./journal.js";

/** Everything that was ever drawn for a run, by project and run. */
export type Pool = Map<string, TestResult[]>;

const STATUSES = [Status.PASSED, Status.FAILED, Status.ERRORED, Status.SKIPPED] as const;

/** Draws results for one target and writes them down. `name` keeps new ones apart from other clients'. */
export function drawAttempts(
  random: Random,
  journal: Journal,
  pool: Pool,
  target: Target,
  count: number,
  name: () => string,
): Attempt[] {
  const key = `${target.projectId} ${target.runId}`;
  const known = pool.get(key) ?? [];
  pool.set(key, known);
  return Array.from({ length: count }, () => {
    const dice = random();
    const earlier = known[between(random, 0, known.length - 1)];
    if (dice < 0.08) return journal.attempt(target, invalid(random, name()), false);
    if (dice < 0.2 && earlier !== undefined) {
      return journal.attempt(target, clone(TestResultSchema, earlier), true);
    }
    const result =
      dice < 0.3 && earlier !== undefined ? changed(random, earlier) : fresh(random, name());
    known.push(result);
    return journal.attempt(target, result, true);
  });
}

/** Every other one leaves its id to the server; then its test is its own. */
function fresh(random: Random, name: string): TestResult {
  const named = random() < 0.5;
  const status = pick(random, STATUSES);
  return create(TestResultSchema, {
    resultId: named ? name : "",
    test: { suite: "faults", name: named ? `shared ${between(random, 0, 49)}` : name },
    status,
    duration: { nanos: between(random, 0, 900_000) * 1000 },
    ...(status === Status.FAILED
      ? { failure: { message: `${name} is not equal`, type: "E" } }
      : {}),
    ...(random() < 0.2 ? { stdout: name.repeat(100) } : {}),
  });
}

/** Another content under the same identity: in a column of its own, or in the details. */
function changed(random: Random, earlier: TestResult): TestResult {
  const result = clone(TestResultSchema, earlier);
  const mark = between(random, 0, 999_999_999);
  switch (pick(random, ["duration", "message", "stdout"])) {
    case "duration":
      result.duration = create(DurationSchema, { seconds: 1n, nanos: mark });
      break;
    case "message":
      result.failure = create(FailureSchema, { message: `other ${mark}` });
      break;
    default:
      result.stdout = `other ${mark}`;
  }
  return result;
}

function invalid(random: Random, name: string): TestResult {
  const result = create(TestResultSchema, { test: { name }, status: Status.PASSED });
  switch (pick(random, ["status", "name", "attempt"])) {
    case "status":
      result.status = Status.UNSPECIFIED;
      break;
    case "name":
      result.test = create(TestSchema, { suite: name });
      break;
    default:
      result.attempt = limits.attempts + 1;
  }
  return result;
}
