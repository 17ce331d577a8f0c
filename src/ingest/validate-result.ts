/** What is wrong with one result. Pure. Over-long text that is only displayed is no violation: it is cut. */
import { Status, type TestResult } from "../../gen/tally/v1/run_pb.js";
import type { Violation } from "../errors.js";
import { limits } from "../limits.js";
import { checkDuration, checkMap, checkName, checkTime } from "./rules.js";

/** All that is wrong with a result, with field paths from the item; empty means that it can be stored. */
export function validateResult(result: TestResult): Violation[] {
  const violations: Violation[] = [];
  checkName(violations, "result_id", result.resultId, limits.resultIdBytes);
  const { test } = result;
  if (test === undefined) {
    violations.push({ field: "test", description: "is required" });
  } else {
    checkName(violations, "test.suite", test.suite, limits.nameBytes);
    checkName(violations, "test.file", test.file, limits.nameBytes);
    checkName(violations, "test.name", test.name, limits.nameBytes, true);
    checkName(violations, "test.parameters", test.parameters, limits.nameBytes);
    checkMap(violations, "test.variant", test.variant);
  }
  if (result.status === Status.UNSPECIFIED) {
    violations.push({ field: "status", description: "is required" });
  } else if (Status[result.status] === undefined) {
    violations.push({ field: "status", description: `${result.status} is no status` });
  }
  checkSmall(violations, "attempt", result.attempt);
  checkSmall(violations, "repeat_index", result.repeatIndex);
  checkTime(violations, "start_time", result.startTime);
  checkDuration(violations, "duration", result.duration);
  checkMap(violations, "tags", result.tags);
  checkFlags(violations, "truncations", result.truncations, ({ field }) => field);
  checkFlags(violations, "repaired_fields", result.repairedFields, (field) => field);
  return violations;
}

function checkSmall(violations: Violation[], field: string, value: number): void {
  if (value > limits.attempts) {
    violations.push({ field, description: `is ${value}, at most ${limits.attempts}` });
  }
}

function checkFlags<T>(
  violations: Violation[],
  field: string,
  flags: readonly T[],
  path: (flag: T) => string,
): void {
  if (flags.length > limits.mapEntries) {
    violations.push({
      field,
      description: `has ${flags.length} entries, at most ${limits.mapEntries}`,
    });
    return;
  }
  flags.forEach((flag, index) => {
    checkName(violations, `${field}[${index}]`, path(flag), limits.nameBytes);
  });
}
