/** https://docs.gitlab.com/ci/variables/predefined_variables/ */
import { limits } from "../../limits.js";
import type { CiEnv } from "./ci-env.js";
import { type ProviderFacts, runIdOf } from "./provider-facts.js";

/**
 * A pipeline is a run; a child pipeline has an id of its own and is another one. A job that is retried is a new
 * attempt of its part. The jobs of `parallel: 4` are shards; those of `parallel: matrix` are jobs, by their names.
 * In a pipeline of merged results CI_COMMIT_SHA is what GitLab merged.
 */
export function readGitlabCi(env: CiEnv): ProviderFacts | undefined {
  if (!env.flag("GITLAB_CI")) return undefined;
  const id = env.text("CI_PIPELINE_ID");
  const sha = env.text("CI_COMMIT_SHA");
  const changeId = env.text("CI_MERGE_REQUEST_IID");
  const tagged = env.text("CI_COMMIT_TAG") !== "";
  return {
    provider: PROVIDER,
    runId: runIdOf(PROVIDER, [env.text("CI_PROJECT_PATH")], id),
    // CI_REPOSITORY_URL holds the job's token.
    repositoryUrl: env.text("CI_PROJECT_URL"),
    commitSha: env.text("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA") || sha,
    mergeCommitSha: sha,
    branch: tagged
      ? ""
      : env.text("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME") ||
        env.text("CI_COMMIT_BRANCH") ||
        env.text("CI_COMMIT_REF_NAME"),
    tagged,
    baseBranch: env.text("CI_MERGE_REQUEST_TARGET_BRANCH_NAME"),
    changeId,
    pipeline: env.text("CI_PIPELINE_NAME"),
    buildId: id,
    buildUrl: env.text("CI_PIPELINE_URL"),
    ...jobOf(env),
    attempt: attemptOf(env),
  };
}

/** GitLab appends ` 2/4` to the names of the jobs of `parallel: 4`. */
function jobOf(env: CiEnv) {
  const name = env.text("CI_JOB_NAME");
  const [shardIndex, shardTotal] = [env.count("CI_NODE_INDEX"), env.count("CI_NODE_TOTAL")];
  const suffix = ` ${shardIndex}/${shardTotal}`;
  return name.endsWith(suffix) && name !== suffix
    ? { job: name.slice(0, -suffix.length), shardIndex, shardTotal }
    : { job: name, shardIndex: 0, shardTotal: 0 };
}

/**
 * From CI_JOB_RETRY_COUNT, which new versions have. Without it, from the time between the pipeline's creation and
 * the job's start, in steps of 10 s: a later try has a larger number (for 3.8 days), gaps mean nothing, and two tries
 * that start within 10 s are told as conflicts.
 */
function attemptOf(env: CiEnv): number {
  const retried = env.countFromZero("CI_JOB_RETRY_COUNT");
  if (retried > 0) return retried;
  const waitedMs =
    Date.parse(env.text("CI_JOB_STARTED_AT")) - Date.parse(env.text("CI_PIPELINE_CREATED_AT"));
  return waitedMs >= 0 ? Math.min(1 + Math.floor(waitedMs / STEP_MS), limits.attempts) : 1;
}

const PROVIDER = "gitlab-ci";
const STEP_MS = 10_000;
