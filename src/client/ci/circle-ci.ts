/** https://circleci.com/docs/reference/variables/ */
import type { CiEnv } from "./ci-env.js";
import { hostAndPath, type ProviderFacts, runIdOf } from "./provider-facts.js";

/**
 * A workflow is a run, and each of its parallel jobs with CIRCLE_NODE_TOTAL above 1 a shard. CircleCI runs a job
 * again in a new workflow, which does not say how often it has been tried: it is another run, of the same commit.
 */
export function readCircleCi(env: CiEnv): ProviderFacts | undefined {
  if (!env.flag("CIRCLECI")) return undefined;
  const id = env.text("CIRCLE_WORKFLOW_ID");
  const change = env.text("CIRCLE_PULL_REQUEST") || env.text("CIRCLE_PR_NUMBER");
  return {
    provider: PROVIDER,
    runId: runIdOf(PROVIDER, [], id),
    repositoryUrl: env.text("CIRCLE_REPOSITORY_URL"),
    commitSha: env.text("CIRCLE_SHA1"),
    branch: env.text("CIRCLE_BRANCH"),
    tagged: env.text("CIRCLE_TAG") !== "",
    changeId: /(\d+)\/?$/.exec(change)?.[1] ?? "",
    buildId: id,
    buildUrl: workflowUrl(env, id),
    job: env.text("CIRCLE_JOB"),
    attempt: 1,
    shardIndex: env.countFromZero("CIRCLE_NODE_INDEX"),
    shardTotal: env.count("CIRCLE_NODE_TOTAL"),
  };
}

/** CIRCLE_BUILD_URL is the job's: of it only the host, since that of the cloud's pages is another one. */
function workflowUrl(env: CiEnv, id: string): string {
  const [host = ""] = hostAndPath(env.text("CIRCLE_BUILD_URL")).split("/");
  if (id === "") return "";
  const pages = host === "" || host === "circleci.com" ? "app.circleci.com" : host;
  return `https://${pages}/pipelines/workflows/${id}`;
}

const PROVIDER = "circleci";
