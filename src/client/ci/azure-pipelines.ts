/** https://learn.microsoft.com/azure/devops/pipelines/build/variables */
import type { CiEnv } from "./ci-env.js";
import { branchOfRef, hostAndPath, type ProviderFacts, runIdOf } from "./provider-facts.js";

/**
 * A build is a run. A job that is run again, alone or with its stage, is a new attempt of its part. The jobs of
 * `strategy: parallel` are shards; those of `strategy: matrix` are jobs, by their display names. Of a pull request
 * BUILD_SOURCEVERSION is what Azure merged.
 */
export function readAzurePipelines(env: CiEnv): ProviderFacts | undefined {
  if (!env.flag("TF_BUILD")) return undefined;
  const id = env.text("BUILD_BUILDID");
  const [collection, project] = [
    env.text("SYSTEM_COLLECTIONURI") || env.text("SYSTEM_TEAMFOUNDATIONCOLLECTIONURI"),
    env.text("SYSTEM_TEAMPROJECT"),
  ];
  const place = hostAndPath(collection);
  const sha = env.text("BUILD_SOURCEVERSION");
  const ref = env.text("BUILD_SOURCEBRANCH");
  const tagged = ref.startsWith("refs/tags/");
  return {
    provider: PROVIDER,
    runId: runIdOf(PROVIDER, [place, project], id),
    repositoryUrl: env.text("BUILD_REPOSITORY_URI"),
    commitSha: env.text("SYSTEM_PULLREQUEST_SOURCECOMMITID") || sha,
    mergeCommitSha: sha,
    branch: tagged ? "" : branchOfRef(env.text("SYSTEM_PULLREQUEST_SOURCEBRANCH") || ref),
    tagged,
    baseBranch: branchOfRef(env.text("SYSTEM_PULLREQUEST_TARGETBRANCH")),
    // Azure Repos fills the id alone; of a pull request on GitHub the number is the one that people know.
    changeId:
      env.text("SYSTEM_PULLREQUEST_PULLREQUESTNUMBER") ||
      env.text("SYSTEM_PULLREQUEST_PULLREQUESTID"),
    pipeline: env.text("BUILD_DEFINITIONNAME"),
    buildId: id,
    buildUrl:
      place === "" || id === ""
        ? ""
        : `${collection.replace(/\/+$/, "")}/${encodeURIComponent(project)}/_build/results?buildId=${id}`,
    ...jobOf(env),
    attempt: Math.max(1, env.count("SYSTEM_STAGEATTEMPT") + env.count("SYSTEM_JOBATTEMPT") - 1),
  };
}

function jobOf(env: CiEnv) {
  const name = env.text("SYSTEM_JOBDISPLAYNAME") || env.text("SYSTEM_JOBNAME");
  const isMatrix = /^multiConfiguration$/i.test(env.text("SYSTEM_PARALLELEXECUTIONTYPE"));
  const shardTotal = env.count("SYSTEM_TOTALJOBSINPHASE");
  if (isMatrix || shardTotal < 2) return { job: name, shardIndex: 0, shardTotal: 0 };
  // The display name may contain the shard.
  const job = env.text("SYSTEM_PHASENAME") || name;
  return { job, shardIndex: env.count("SYSTEM_JOBPOSITIONINPHASE"), shardTotal };
}

const PROVIDER = "azure-pipelines";
