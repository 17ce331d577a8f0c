/** A run as the client sends it, as facts; and what of it differs from what is stored. Pure. */
import type { Run } from "../../gen/tally/v1/run_pb.js";
import { RUN_TEXTS, type RunFacts, type RunText } from "../db/runs.js";
import type { Violation } from "../errors.js";
import { limits } from "../limits.js";
import { toMicros } from "./rules.js";

/** The facts of a valid run. Its start is derived where the client gives none. */
export function runFacts(run: Run, nowUs: number): RunFacts {
  const { source, ci } = run;
  return {
    texts: {
      repository_url: source?.repositoryUrl ?? "",
      commit_sha: source?.commitSha ?? "",
      tree_sha: source?.treeSha ?? "",
      branch: source?.branch ?? "",
      base_branch: source?.baseBranch ?? "",
      change_id: source?.changeId ?? "",
      ci_provider: ci?.provider ?? "",
      ci_pipeline: ci?.pipeline ?? "",
      ci_build_id: ci?.buildId ?? "",
      ci_build_url: ci?.buildUrl ?? "",
      framework: run.framework,
    },
    dirty: source?.dirty ?? false,
    labels: run.labels,
    startUs: run.startTime === undefined ? derivedStartUs(run, nowUs) : toMicros(run.startTime),
    startGiven: run.startTime !== undefined,
  };
}

/** Whether the stored facts lack something that these have: then they are merged. */
export function addsTo(facts: RunFacts, stored: RunFacts): boolean {
  return (
    RUN_TEXTS.some((column) => stored.texts[column] === "" && facts.texts[column] !== "") ||
    (facts.dirty && !stored.dirty) ||
    (hasRoom(stored) &&
      Object.keys(facts.labels).some((key) => !Object.hasOwn(stored.labels, key))) ||
    (!stored.startGiven && (facts.startGiven || facts.startUs < stored.startUs))
  );
}

/**
 * The facts that are not stored as they are given, with proto paths within the run. What is absent is equal. A label
 * beyond the bound is one of them and refuses nothing: results are worth more than it.
 */
export function runConflicts(facts: RunFacts, stored: RunFacts): Violation[] {
  const conflicts = RUN_TEXTS.filter(
    (column) => facts.texts[column] !== "" && facts.texts[column] !== stored.texts[column],
  ).map((column) => storedOtherwise(PATHS[column]));
  for (const [key, value] of Object.entries(facts.labels)) {
    const field = `labels[${JSON.stringify(key)}]`;
    if (!Object.hasOwn(stored.labels, key)) conflicts.push({ field, description: LEFT_OUT });
    else if (stored.labels[key] !== value) conflicts.push(storedOtherwise(field));
  }
  if (facts.startGiven && facts.startUs !== stored.startUs) {
    conflicts.push(storedOtherwise("start_time"));
  }
  return conflicts;
}

/** What is wrong with a field of a repeat whose first value stays. */
export function storedOtherwise(field: string): Violation {
  return { field, description: "is stored with another value; the first stays" };
}

/** Labels never leave a run: one that is full stays so. */
function hasRoom({ labels }: RunFacts): boolean {
  return Object.keys(labels).length < limits.mapEntries;
}

/** finish − duration where the run is complete in itself; else the time of receipt. */
function derivedStartUs(run: Run, nowUs: number): number {
  const finishUs = run.finishTime === undefined ? nowUs : toMicros(run.finishTime);
  const durationUs = run.duration === undefined ? 0 : toMicros(run.duration);
  return Math.max(0, finishUs - durationUs);
}

const LEFT_OUT = `is left out: the run has ${limits.mapEntries} labels, the most`;
const PATHS: Readonly<Record<RunText, string>> = {
  repository_url: "source.repository_url",
  commit_sha: "source.commit_sha",
  tree_sha: "source.tree_sha",
  branch: "source.branch",
  base_branch: "source.base_branch",
  change_id: "source.change_id",
  ci_provider: "ci.provider",
  ci_pipeline: "ci.pipeline",
  ci_build_id: "ci.build_id",
  ci_build_url: "ci.build_url",
  framework: "framework",
};
