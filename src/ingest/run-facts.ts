/** A run as the client sends it, as facts; and what of it differs from what is stored. Pure. */
import type { Run } from "../../gen/tally/v1/run_pb.js";
import { RUN_TEXTS, type RunFacts, type RunText } from "../db/runs.js";
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
    Object.keys(facts.labels).some((key) => !Object.hasOwn(stored.labels, key)) ||
    (!stored.startGiven && (facts.startGiven || facts.startUs < stored.startUs))
  );
}

/** Proto paths, within the run, of the facts that are stored with another value. What is absent is equal. */
export function conflictingFields(facts: RunFacts, stored: RunFacts): string[] {
  const fields = RUN_TEXTS.filter(
    (column) => facts.texts[column] !== "" && facts.texts[column] !== stored.texts[column],
  ).map((column) => PATHS[column]);
  for (const [key, value] of Object.entries(facts.labels)) {
    if (stored.labels[key] !== value) fields.push(`labels[${JSON.stringify(key)}]`);
  }
  if (facts.startGiven && facts.startUs !== stored.startUs) fields.push("start_time");
  return fields;
}

/** finish − duration where the run is complete in itself; else the time of receipt. */
function derivedStartUs(run: Run, nowUs: number): number {
  const finishUs = run.finishTime === undefined ? nowUs : toMicros(run.finishTime);
  const durationUs = run.duration === undefined ? 0 : toMicros(run.duration);
  return Math.max(0, finishUs - durationUs);
}

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
