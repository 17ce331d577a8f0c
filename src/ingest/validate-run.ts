/** What is wrong with a run, a part, or the facts with which they finish. Pure. */
import type { UploadFinish } from "../../gen/tally/v1/ingest_service_pb.js";
import { type Part, type Run, Status } from "../../gen/tally/v1/run_pb.js";
import type { Violation } from "../errors.js";
import { limits } from "../limits.js";
import { quote } from "../text.js";
import { checkCount, checkDuration, checkMap, checkName, checkTime } from "./rules.js";

/** All that is wrong with a run that an IngestRun sends. */
export function validateRun(run: Run | undefined): Violation[] {
  if (run === undefined) return [{ field: "run", description: "is required" }];
  const violations = validateRunFacts(run);
  checkRunStatus(violations, "run.status", run.status);
  checkTime(violations, "run.finish_time", run.finishTime);
  checkDuration(violations, "run.duration", run.duration);
  if (run.status === Status.UNSPECIFIED) {
    for (const [field, value] of finishFields(run)) {
      if (value !== undefined) {
        violations.push({ field, description: "needs run.status: it finishes the part" });
      }
    }
  }
  return violations;
}

/** All that is wrong with the run of an `open` frame, whose finish comes in a frame of its own. */
export function validateOpenedRun(run: Run | undefined): Violation[] {
  if (run === undefined) return [{ field: "open.run", description: "is required" }];
  const violations = validateRunFacts(run, "open.run");
  const given: [string, unknown][] = finishFields(run, "open.run");
  if (run.status !== Status.UNSPECIFIED) given.push(["open.run.status", run.status]);
  for (const [field, value] of given) {
    if (value !== undefined)
      violations.push({ field, description: "belongs into the finish frame" });
  }
  return violations;
}

/** All that is wrong with a part. */
export function validatePart(part: Part | undefined, path = "part"): Violation[] {
  const violations: Violation[] = [];
  if (part === undefined) return violations;
  checkName(violations, `${path}.job`, part.job, limits.nameBytes);
  checkName(violations, `${path}.producer`, part.producer, limits.nameBytes);
  if (part.attempt > limits.attempts) {
    violations.push({
      field: `${path}.attempt`,
      description: `is ${part.attempt}, at most ${limits.attempts}`,
    });
  }
  if (part.shardTotal > limits.shardTotal) {
    violations.push({
      field: `${path}.shard_total`,
      description: `is ${part.shardTotal}, at most ${limits.shardTotal}`,
    });
  } else if (
    part.shardIndex > part.shardTotal ||
    (part.shardIndex === 0) !== (part.shardTotal === 0)
  ) {
    violations.push({
      field: `${path}.shard_index`,
      description: `is ${part.shardIndex} of ${part.shardTotal}: from 1 to shard_total, or both 0`,
    });
  }
  return violations;
}

/** All that is wrong with a `finish` frame. */
export function validateFinish(finish: UploadFinish): Violation[] {
  const violations: Violation[] = [];
  if (finish.status !== undefined) checkRunStatus(violations, "finish.status", finish.status);
  if (finish.status === Status.UNSPECIFIED) {
    violations.push({ field: "finish.status", description: "is STATUS_UNSPECIFIED: leave it out" });
  }
  checkCount(violations, "finish.expected_result_count", finish.expectedResultCount);
  checkTime(violations, "finish.finish_time", finish.finishTime);
  checkDuration(violations, "finish.duration", finish.duration);
  return violations;
}

/** Adds what is wrong with the status of a run or part. */
export function checkRunStatus(violations: Violation[], field: string, status: Status): void {
  if (status === Status.PRECLUDED) {
    violations.push({ field, description: "STATUS_PRECLUDED is for results only" });
  } else if (Status[status] === undefined) {
    violations.push({ field, description: `${status} is no status` });
  }
}

/** Adds what is wrong with a run_id. */
export function checkRunId(violations: Violation[], field: string, runId: string): void {
  checkName(violations, field, runId, limits.runIdBytes, true);
  if (runId !== "" && runId.trim() === "") {
    violations.push({ field, description: `is blank: ${quote(runId)}` });
  }
}

function validateRunFacts(run: Run, path = "run"): Violation[] {
  const violations: Violation[] = [];
  checkRunId(violations, `${path}.run_id`, run.runId);
  const names: [string, string][] = [["framework", run.framework]];
  if (run.source !== undefined) {
    const { source } = run;
    names.push(
      ["source.repository_url", source.repositoryUrl],
      ["source.commit_sha", source.commitSha],
      ["source.tree_sha", source.treeSha],
      ["source.branch", source.branch],
      ["source.base_branch", source.baseBranch],
      ["source.change_id", source.changeId],
    );
  }
  if (run.ci !== undefined) {
    const { ci } = run;
    names.push(
      ["ci.provider", ci.provider],
      ["ci.pipeline", ci.pipeline],
      ["ci.build_id", ci.buildId],
      ["ci.build_url", ci.buildUrl],
    );
  }
  for (const [field, value] of names) {
    checkName(violations, `${path}.${field}`, value, limits.nameBytes);
  }
  checkMap(violations, `${path}.labels`, run.labels);
  checkTime(violations, `${path}.start_time`, run.startTime);
  return violations;
}

function finishFields(run: Run, path = "run"): [string, unknown][] {
  return [
    [`${path}.finish_time`, run.finishTime],
    [`${path}.duration`, run.duration],
  ];
}
