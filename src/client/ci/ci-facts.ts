/** What a build says about itself: which run it is, which part of it this process is, and whose code it tests. */
import { limits } from "../../limits.js";
import { cutIdentity } from "../cut-identity.js";
import { readAzurePipelines } from "./azure-pipelines.js";
import { readBuildkite } from "./buildkite.js";
import { type CiEnv, countOf, type Env, readEnv } from "./ci-env.js";
import { readCircleCi } from "./circle-ci.js";
import type { GitFacts } from "./git.js";
import { readGithubActions } from "./github-actions.js";
import { readGitlabCi } from "./gitlab-ci.js";
import { readJenkins } from "./jenkins.js";
import type { ProviderFacts } from "./provider-facts.js";
import { repositoryAddress, withoutCredentials } from "./without-credentials.js";

/** Texts are empty where nothing is known; all are within the limits of the contract. */
export interface CiFacts {
  /** The same for all jobs and shards of a build; empty outside of CI. */
  readonly runId: string;
  readonly source: {
    readonly repositoryUrl: string;
    readonly commitSha: string;
    readonly treeSha: string;
    readonly branch: string;
    readonly baseBranch: string;
    readonly changeId: string;
    readonly dirty: boolean;
  };
  readonly ci: {
    readonly provider: string;
    readonly pipeline: string;
    readonly buildId: string;
    readonly buildUrl: string;
  };
  readonly part: {
    readonly job: string;
    /** From 1. */
    readonly attempt: number;
    /** From 1 to `shardTotal`; both 0 without shards. */
    readonly shardIndex: number;
    readonly shardTotal: number;
  };
  /** What was given and makes no sense, in words for a person. */
  readonly warnings: readonly string[];
}

export interface CiFactsInput {
  readonly env: Env;
  /** The checked-out repository, where there is one. */
  readonly git?: GitFacts | undefined;
  /** The JSON value of the file that GITHUB_EVENT_PATH names. */
  readonly githubEvent?: unknown;
}

/**
 * The facts of the build that the environment describes. TALLY_* variables win over the CI system's, and those
 * over git's. All jobs of a build get the same `source` and `ci`, because the first to arrive decides; what
 * differs between them is in `part`. Never throws, whatever the values are.
 */
export function readCiFacts({ env, git, githubEvent }: CiFactsInput): CiFacts {
  const given = readEnv(env);
  const build = readProvider(given, githubEvent) ?? NO_PROVIDER;
  const warnings: string[] = [];
  const commitSha = given.text("TALLY_COMMIT") || build.commitSha || git?.commitSha || "";
  // A checkout of something else says nothing about this build.
  const here = git !== undefined && [commitSha, build.mergeCommitSha].includes(git.commitSha);
  const checkout = here ? git : undefined;
  const whole = (name: string, ...others: (string | undefined)[]) =>
    given.text(name) || others.find((other) => other) || "";
  const pick = (...names: Parameters<typeof whole>) => bounded(whole(...names));
  return {
    runId: cutIdentity(given.text("TALLY_RUN_ID") || build.runId, limits.runIdBytes),
    source: {
      repositoryUrl: bounded(
        repositoryAddress(
          whole("TALLY_REPOSITORY_URL", build.repositoryUrl, checkout?.repositoryUrl),
        ),
      ),
      commitSha: bounded(commitSha),
      treeSha: pick("TALLY_TREE", checkout?.treeSha),
      branch: pick("TALLY_BRANCH", build.branch, build.tagged ? "" : checkout?.branch),
      baseBranch: pick("TALLY_BASE_BRANCH", build.baseBranch),
      changeId: pick("TALLY_CHANGE_ID", build.changeId),
      // In CI the checkout is what its commit says, and what jobs generate in it differs from job to job.
      dirty: build.provider === "" && (checkout?.dirty ?? false),
    },
    ci: {
      provider: pick("TALLY_CI_PROVIDER", build.provider),
      pipeline: pick("TALLY_PIPELINE", build.pipeline),
      buildId: pick("TALLY_BUILD_ID", build.buildId),
      buildUrl: bounded(withoutCredentials(whole("TALLY_BUILD_URL", build.buildUrl))),
    },
    part: {
      job: pick("TALLY_JOB", build.job),
      attempt: attemptOf(given, build, warnings),
      ...shardOf(given, build, warnings),
    },
    warnings,
  };
}

function bounded(text: string): string {
  return cutIdentity(text, limits.nameBytes);
}

function readProvider(env: CiEnv, githubEvent: unknown): ProviderFacts | undefined {
  return (
    readGithubActions(env, githubEvent) ??
    readGitlabCi(env) ??
    readCircleCi(env) ??
    readBuildkite(env) ??
    readAzurePipelines(env) ??
    readJenkins(env)
  );
}

function attemptOf(env: CiEnv, build: ProviderFacts, warnings: string[]): number {
  const text = env.text("TALLY_ATTEMPT");
  const attempt = countOf(text);
  if (text !== "" && attempt === 0) warnings.push("TALLY_ATTEMPT is no whole number from 1");
  return Math.min(Math.max(1, attempt || build.attempt), limits.attempts);
}

/** Only a shard that makes sense: the run would wait for others. */
function shardOf(env: CiEnv, build: ProviderFacts, warnings: string[]) {
  const text = env.text("TALLY_SHARD");
  const [index = "", total = "", ...more] = text.split("/");
  const explicit = { shardIndex: countOf(index), shardTotal: countOf(total) };
  if (text !== "") {
    if (more.length === 0 && isShard(explicit)) return explicit;
    warnings.push(`TALLY_SHARD is no shard from 1/${limits.shardTotal} on, like 1/4`);
  }
  const { shardIndex, shardTotal } = build;
  return shardTotal > 1 && isShard(build)
    ? { shardIndex, shardTotal }
    : { shardIndex: 0, shardTotal: 0 };
}

function isShard({ shardIndex, shardTotal }: Pick<CiFacts["part"], "shardIndex" | "shardTotal">) {
  return shardIndex >= 1 && shardIndex <= shardTotal && shardTotal <= limits.shardTotal;
}

const NO_PROVIDER: ProviderFacts = {
  provider: "",
  runId: "",
  commitSha: "",
  attempt: 1,
  shardIndex: 0,
  shardTotal: 0,
};
