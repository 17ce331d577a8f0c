/**
 * https://www.jenkins.io/doc/book/pipeline/jenkinsfile/#using-environment-variables, and for change requests
 * https://github.com/jenkinsci/branch-api-plugin
 */
import type { CiEnv } from "./ci-env.js";
import { branchOfRef, hostAndPath, type ProviderFacts, runIdOf } from "./provider-facts.js";

/**
 * A build is a run; Jenkins runs things again as a new build, which is another run (a `retry` step inside a build is
 * told by TALLY_ATTEMPT). The job is the stage; legs of a matrix share it, so TALLY_JOB must name the leg.
 */
export function readJenkins(env: CiEnv): ProviderFacts | undefined {
  const number = env.text("BUILD_NUMBER");
  const url = env.text("JENKINS_URL");
  if (number === "" || (url === "" && env.text("JENKINS_HOME") === "")) return undefined;
  const name = env.text("JOB_NAME");
  const changeId = env.text("CHANGE_ID");
  const tagged = env.text("TAG_NAME") !== "";
  // BRANCH_NAME of a change is PR-12; GIT_BRANCH names the remote too.
  const branch =
    changeId === ""
      ? env.text("BRANCH_NAME") ||
        env.text("GIT_LOCAL_BRANCH") ||
        branchOfRef(env.text("GIT_BRANCH")).replace(/^origin\//, "")
      : env.text("CHANGE_BRANCH");
  return {
    provider: PROVIDER,
    runId: runIdOf(PROVIDER, [hostAndPath(url), name], number),
    repositoryUrl: env.text("GIT_URL"),
    commitSha: env.text("GIT_COMMIT"),
    branch: tagged ? "" : branch,
    tagged,
    baseBranch: env.text("CHANGE_TARGET"),
    changeId,
    pipeline: name,
    buildId: number,
    buildUrl: env.text("BUILD_URL"),
    job: env.text("STAGE_NAME"),
    attempt: 1,
    shardIndex: 0,
    shardTotal: 0,
  };
}

const PROVIDER = "jenkins";
