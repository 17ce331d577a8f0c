/** https://buildkite.com/docs/pipelines/configure/environment-variables */
import type { CiEnv } from "./ci-env.js";
import { type ProviderFacts, runIdOf } from "./provider-facts.js";

/**
 * A build is a run; a rebuild is another one. A job that is retried is a new attempt of its part, by
 * BUILDKITE_RETRY_COUNT. Parallel jobs are shards of their step, which its key names, because the label may contain
 * the shard; other jobs are named by their label, because the legs of a matrix have the key in common.
 */
export function readBuildkite(env: CiEnv): ProviderFacts | undefined {
  if (!env.flag("BUILDKITE")) return undefined;
  const id = env.text("BUILDKITE_BUILD_ID");
  const pipeline = env.text("BUILDKITE_PIPELINE_SLUG");
  const [commit, change] = [env.text("BUILDKITE_COMMIT"), env.text("BUILDKITE_PULL_REQUEST")];
  const [key, label] = [env.text("BUILDKITE_STEP_KEY"), env.text("BUILDKITE_LABEL")];
  const shardTotal = env.count("BUILDKITE_PARALLEL_JOB_COUNT");
  const tagged = env.text("BUILDKITE_TAG") !== "";
  return {
    provider: PROVIDER,
    runId: runIdOf(PROVIDER, [pipeline], id),
    repositoryUrl: env.text("BUILDKITE_REPO"),
    // A build that was asked for by API may name no commit yet.
    commitSha: commit === "HEAD" ? "" : commit,
    branch: tagged ? "" : env.text("BUILDKITE_BRANCH"),
    tagged,
    baseBranch: env.text("BUILDKITE_PULL_REQUEST_BASE_BRANCH"),
    changeId: change === "false" ? "" : change,
    pipeline,
    buildId: id,
    buildUrl: env.text("BUILDKITE_BUILD_URL"),
    job: shardTotal > 1 ? key || label : label || key,
    attempt: env.countFromZero("BUILDKITE_RETRY_COUNT"),
    shardIndex: env.countFromZero("BUILDKITE_PARALLEL_JOB"),
    shardTotal,
  };
}

const PROVIDER = "buildkite";
