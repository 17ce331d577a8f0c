/** Builds as the documentation of each CI system describes their variables, and what they mean. */
import type { CiFacts } from "../../../src/client/ci/ci-facts.js";

export interface Build {
  readonly title: string;
  /** Where the variables are documented. */
  readonly docs: string;
  /** The first one tells the CI system. */
  readonly env: Readonly<Record<string, string>>;
  readonly githubEvent?: unknown;
  readonly runId: string;
  /** What is not empty. */
  readonly source: Partial<CiFacts["source"]>;
  readonly ci: Partial<CiFacts["ci"]>;
  readonly part: Partial<CiFacts["part"]>;
}

const head = "1".repeat(40);
const merge = "2".repeat(40);

const github = {
  docs: "https://docs.github.com/en/actions/reference/workflows-and-actions/variables",
  env: {
    GITHUB_ACTIONS: "true",
    GITHUB_SERVER_URL: "https://github.com",
    GITHUB_REPOSITORY: "octocat/hello-world",
    GITHUB_RUN_ID: "1658821493",
    GITHUB_RUN_ATTEMPT: "1",
    GITHUB_RUN_NUMBER: "3",
    GITHUB_WORKFLOW: "CI",
    GITHUB_JOB: "test",
    GITHUB_SHA: head,
    GITHUB_REF: "refs/heads/feature/a",
    GITHUB_REF_NAME: "feature/a",
    GITHUB_REF_TYPE: "branch",
    GITHUB_HEAD_REF: "",
    GITHUB_BASE_REF: "",
  },
  runId: "github-actions/octocat/hello-world/1658821493",
  source: {
    repositoryUrl: "https://github.com/octocat/hello-world",
    commitSha: head,
    branch: "feature/a",
  },
  ci: {
    provider: "github-actions",
    pipeline: "CI",
    buildId: "1658821493",
    buildUrl: "https://github.com/octocat/hello-world/actions/runs/1658821493",
  },
  part: { job: "test", attempt: 1 },
} as const;
const { repositoryUrl: githubUrl } = github.source;

const gitlab = {
  docs: "https://docs.gitlab.com/ci/variables/predefined_variables/",
  env: {
    GITLAB_CI: "true",
    CI_PROJECT_PATH: "gitlab-org/gitlab",
    CI_PROJECT_URL: "https://gitlab.example.com/gitlab-org/gitlab",
    CI_REPOSITORY_URL: "https://gitlab-ci-token:secret@gitlab.example.com/gitlab-org/gitlab.git",
    CI_PIPELINE_ID: "1234",
    CI_PIPELINE_IID: "10",
    CI_PIPELINE_NAME: "Pipeline for branch: main",
    CI_PIPELINE_URL: "https://gitlab.example.com/gitlab-org/gitlab/-/pipelines/1234",
    CI_PIPELINE_CREATED_AT: "2026-01-12T10:00:00Z",
    CI_JOB_STARTED_AT: "2026-01-12T10:00:05Z",
    CI_JOB_ID: "50",
    CI_JOB_NAME: "rspec",
    CI_COMMIT_SHA: head,
    CI_COMMIT_BRANCH: "main",
    CI_COMMIT_REF_NAME: "main",
    CI_NODE_TOTAL: "1",
  },
  runId: "gitlab-ci/gitlab-org/gitlab/1234",
  source: {
    repositoryUrl: "https://gitlab.example.com/gitlab-org/gitlab",
    commitSha: head,
    branch: "main",
  },
  ci: {
    provider: "gitlab-ci",
    pipeline: "Pipeline for branch: main",
    buildId: "1234",
    buildUrl: "https://gitlab.example.com/gitlab-org/gitlab/-/pipelines/1234",
  },
  part: { job: "rspec", attempt: 1 },
} as const;
const { CI_COMMIT_BRANCH: _, ...gitlabWithoutBranch } = gitlab.env;

const jenkins = {
  docs: "https://www.jenkins.io/doc/book/pipeline/jenkinsfile/#using-environment-variables",
  env: {
    JENKINS_URL: "https://ci.example.org/jenkins/",
    BUILD_NUMBER: "153",
    BUILD_ID: "153",
    BUILD_TAG: "jenkins-shop-main-153",
    BUILD_URL: "https://ci.example.org/jenkins/job/shop/job/main/153/",
    JOB_NAME: "shop/main",
    STAGE_NAME: "Unit tests",
    GIT_URL: "https://robot:secret@example.org/acme/shop.git",
    GIT_COMMIT: head,
    GIT_BRANCH: "main",
    BRANCH_NAME: "main",
  },
  runId: "jenkins/ci.example.org/jenkins/shop/main/153",
  source: {
    repositoryUrl: "https://example.org/acme/shop.git",
    commitSha: head,
    branch: "main",
  },
  ci: {
    provider: "jenkins",
    pipeline: "shop/main",
    buildId: "153",
    buildUrl: "https://ci.example.org/jenkins/job/shop/job/main/153/",
  },
  part: { job: "Unit tests" },
} as const;

const circle = {
  docs: "https://circleci.com/docs/reference/variables/",
  env: {
    CIRCLECI: "true",
    CIRCLE_WORKFLOW_ID: "5034460f-c7c4-4c43-9457-de07e2029e7b",
    CIRCLE_WORKFLOW_JOB_ID: "0a1b2c3d-0000-4c43-9457-de07e2029e7b",
    CIRCLE_BUILD_NUM: "48213",
    CIRCLE_BUILD_URL: "https://circleci.com/gh/acme/shop/48213",
    CIRCLE_REPOSITORY_URL: "git@github.com:acme/shop.git",
    CIRCLE_SHA1: head,
    CIRCLE_BRANCH: "main",
    CIRCLE_JOB: "test",
    CIRCLE_NODE_INDEX: "0",
    CIRCLE_NODE_TOTAL: "1",
  },
  runId: "circleci/5034460f-c7c4-4c43-9457-de07e2029e7b",
  source: { repositoryUrl: "git@github.com:acme/shop.git", commitSha: head, branch: "main" },
  ci: {
    provider: "circleci",
    buildId: "5034460f-c7c4-4c43-9457-de07e2029e7b",
    buildUrl: "https://app.circleci.com/pipelines/workflows/5034460f-c7c4-4c43-9457-de07e2029e7b",
  },
  part: { job: "test" },
} as const;

const buildkite = {
  docs: "https://buildkite.com/docs/pipelines/configure/environment-variables",
  env: {
    BUILDKITE: "true",
    BUILDKITE_BUILD_ID: "4735ba57-80d0-46e2-8fa0-b28223a86586",
    BUILDKITE_BUILD_NUMBER: "1514",
    BUILDKITE_BUILD_URL: "https://buildkite.com/acme-inc/my-project/builds/1514",
    BUILDKITE_PIPELINE_SLUG: "my-project",
    BUILDKITE_REPO: "git@github.com:acme-inc/my-project.git",
    BUILDKITE_COMMIT: head,
    BUILDKITE_BRANCH: "main",
    BUILDKITE_PULL_REQUEST: "false",
    BUILDKITE_PULL_REQUEST_BASE_BRANCH: "",
    BUILDKITE_TAG: "",
    BUILDKITE_STEP_KEY: "tests",
    BUILDKITE_LABEL: ":hammer: Tests",
    BUILDKITE_RETRY_COUNT: "0",
  },
  runId: "buildkite/my-project/4735ba57-80d0-46e2-8fa0-b28223a86586",
  source: {
    repositoryUrl: "git@github.com:acme-inc/my-project.git",
    commitSha: head,
    branch: "main",
  },
  ci: {
    provider: "buildkite",
    pipeline: "my-project",
    buildId: "4735ba57-80d0-46e2-8fa0-b28223a86586",
    buildUrl: "https://buildkite.com/acme-inc/my-project/builds/1514",
  },
  part: { job: ":hammer: Tests" },
} as const;

const azure = {
  docs: "https://learn.microsoft.com/azure/devops/pipelines/build/variables",
  env: {
    TF_BUILD: "True",
    SYSTEM_COLLECTIONURI: "https://dev.azure.com/fabrikamfiber/",
    SYSTEM_TEAMPROJECT: "Fabrikam Fiber",
    SYSTEM_STAGEATTEMPT: "1",
    SYSTEM_JOBATTEMPT: "1",
    SYSTEM_JOBDISPLAYNAME: "Unit tests",
    SYSTEM_PHASENAME: "unit",
    SYSTEM_TOTALJOBSINPHASE: "1",
    SYSTEM_JOBPOSITIONINPHASE: "1",
    BUILD_BUILDID: "1217",
    BUILD_BUILDNUMBER: "20260112.3",
    BUILD_DEFINITIONNAME: "shop CI",
    BUILD_REPOSITORY_URI: "https://fabrikamfiber@dev.azure.com/fabrikamfiber/_git/shop",
    BUILD_SOURCEVERSION: head,
    BUILD_SOURCEBRANCH: "refs/heads/feature/tools",
    BUILD_SOURCEBRANCHNAME: "tools",
  },
  runId: "azure-pipelines/dev.azure.com/fabrikamfiber/Fabrikam Fiber/1217",
  source: {
    repositoryUrl: "https://dev.azure.com/fabrikamfiber/_git/shop",
    commitSha: head,
    branch: "feature/tools",
  },
  ci: {
    provider: "azure-pipelines",
    pipeline: "shop CI",
    buildId: "1217",
    buildUrl: "https://dev.azure.com/fabrikamfiber/Fabrikam%20Fiber/_build/results?buildId=1217",
  },
  part: { job: "Unit tests", attempt: 1 },
} as const;

/** The first one is a plain build of a branch. */
export const builds: readonly Build[] = [
  { title: "GitHub Actions: a push", ...github },
  {
    ...github,
    title: "GitHub Actions: the job run again is a new attempt of its part",
    docs: "https://docs.github.com/en/actions/how-tos/manage-workflow-runs/re-run-workflows-and-jobs",
    env: { ...github.env, GITHUB_RUN_ATTEMPT: "2" },
    part: { job: "test", attempt: 2 },
  },
  {
    ...github,
    title: "GitHub Actions: a leg of a matrix, named by TALLY_JOB",
    docs: "https://docs.github.com/en/actions/how-tos/write-workflows/choose-what-workflows-do/run-job-variations",
    env: { ...github.env, TALLY_JOB: "test (ubuntu, 20)" },
    part: { job: "test (ubuntu, 20)", attempt: 1 },
  },
  {
    ...github,
    title: "GitHub Actions: a pull request, whose merge is checked out",
    docs: "https://docs.github.com/en/actions/reference/workflows-and-actions/events-that-trigger-workflows#pull_request",
    env: {
      ...github.env,
      GITHUB_RUN_ID: "1658821494",
      GITHUB_SHA: merge,
      GITHUB_REF: "refs/pull/1347/merge",
      GITHUB_REF_NAME: "1347/merge",
      GITHUB_HEAD_REF: "new-topic",
      GITHUB_BASE_REF: "master",
    },
    githubEvent: { pull_request: { number: 1347, head: { sha: head, ref: "new-topic" } } },
    runId: "github-actions/octocat/hello-world/1658821494",
    source: {
      repositoryUrl: githubUrl,
      commitSha: head,
      branch: "new-topic",
      baseBranch: "master",
      changeId: "1347",
    },
    ci: {
      ...github.ci,
      buildId: "1658821494",
      buildUrl: `${githubUrl}/actions/runs/1658821494`,
    },
  },
  {
    ...github,
    title: "GitHub Actions: a pull request without its event file",
    docs: "https://docs.github.com/en/actions/reference/workflows-and-actions/variables",
    env: {
      ...github.env,
      GITHUB_RUN_ID: "1658821495",
      GITHUB_SHA: merge,
      GITHUB_REF: "refs/pull/1347/merge",
      GITHUB_REF_NAME: "1347/merge",
      GITHUB_HEAD_REF: "new-topic",
      GITHUB_BASE_REF: "master",
    },
    runId: "github-actions/octocat/hello-world/1658821495",
    source: {
      repositoryUrl: githubUrl,
      commitSha: merge,
      branch: "new-topic",
      baseBranch: "master",
      changeId: "1347",
    },
    ci: {
      ...github.ci,
      buildId: "1658821495",
      buildUrl: `${githubUrl}/actions/runs/1658821495`,
    },
  },
  {
    ...github,
    title: "GitHub Actions: pull_request_target, whose GITHUB_SHA is the base's",
    docs: "https://docs.github.com/en/actions/reference/workflows-and-actions/events-that-trigger-workflows#pull_request_target",
    env: {
      ...github.env,
      GITHUB_RUN_ID: "1658821498",
      GITHUB_SHA: merge,
      GITHUB_REF: "refs/heads/master",
      GITHUB_REF_NAME: "master",
      GITHUB_HEAD_REF: "new-topic",
      GITHUB_BASE_REF: "master",
    },
    runId: "github-actions/octocat/hello-world/1658821498",
    source: { repositoryUrl: githubUrl, branch: "new-topic", baseBranch: "master" },
    ci: {
      ...github.ci,
      buildId: "1658821498",
      buildUrl: `${githubUrl}/actions/runs/1658821498`,
    },
  },
  {
    ...github,
    title: "GitHub Actions: a merge queue",
    docs: "https://docs.github.com/en/actions/reference/workflows-and-actions/events-that-trigger-workflows#merge_group",
    env: {
      ...github.env,
      GITHUB_RUN_ID: "1658821496",
      GITHUB_REF: `refs/heads/gh-readonly-queue/main/pr-17-${merge}`,
      GITHUB_REF_NAME: `gh-readonly-queue/main/pr-17-${merge}`,
    },
    runId: "github-actions/octocat/hello-world/1658821496",
    source: {
      ...github.source,
      branch: `gh-readonly-queue/main/pr-17-${merge}`,
      baseBranch: "main",
      changeId: "17",
    },
    ci: {
      ...github.ci,
      buildId: "1658821496",
      buildUrl: `${githubUrl}/actions/runs/1658821496`,
    },
  },
  {
    ...github,
    title: "GitHub Actions: a tag has no branch",
    env: {
      ...github.env,
      GITHUB_RUN_ID: "1658821497",
      GITHUB_REF: "refs/tags/v1",
      GITHUB_REF_NAME: "v1",
      GITHUB_REF_TYPE: "tag",
    },
    runId: "github-actions/octocat/hello-world/1658821497",
    source: { repositoryUrl: githubUrl, commitSha: head },
    ci: {
      ...github.ci,
      buildId: "1658821497",
      buildUrl: `${githubUrl}/actions/runs/1658821497`,
    },
  },

  { title: "GitLab CI: a branch", ...gitlab },
  {
    ...gitlab,
    title: "GitLab CI: a job of parallel: 4 is a shard",
    docs: "https://docs.gitlab.com/ci/yaml/#parallel",
    env: { ...gitlab.env, CI_JOB_NAME: "rspec 2/4", CI_NODE_INDEX: "2", CI_NODE_TOTAL: "4" },
    part: { job: "rspec", shardIndex: 2, shardTotal: 4 },
  },
  {
    ...gitlab,
    title: "GitLab CI: a job of parallel: matrix is a job",
    docs: "https://docs.gitlab.com/ci/yaml/#parallelmatrix",
    env: {
      ...gitlab.env,
      CI_JOB_NAME: "rspec: [ruby-3, pg-16]",
      CI_NODE_INDEX: "2",
      CI_NODE_TOTAL: "4",
    },
    part: { job: "rspec: [ruby-3, pg-16]" },
  },
  {
    ...gitlab,
    title: "GitLab CI: the job retried is a new attempt",
    docs: "https://gitlab.com/gitlab-org/gitlab/-/merge_requests/249792",
    env: { ...gitlab.env, CI_JOB_ID: "51", CI_JOB_RETRY_COUNT: "1" },
    part: { job: "rspec", attempt: 2 },
  },
  {
    ...gitlab,
    title: "GitLab CI: the job retried, in versions that do not count it",
    env: { ...gitlab.env, CI_JOB_ID: "51", CI_JOB_STARTED_AT: "2026-01-12T10:02:35Z" },
    part: { job: "rspec", attempt: 16 },
  },
  {
    ...gitlab,
    title: "GitLab CI: a merge request pipeline, detached",
    docs: "https://docs.gitlab.com/ci/pipelines/merge_request_pipelines/",
    env: {
      ...gitlabWithoutBranch,
      CI_PIPELINE_ID: "1235",
      CI_PIPELINE_SOURCE: "merge_request_event",
      CI_MERGE_REQUEST_EVENT_TYPE: "detached",
      CI_MERGE_REQUEST_IID: "7",
      CI_MERGE_REQUEST_SOURCE_BRANCH_NAME: "fix",
      CI_MERGE_REQUEST_TARGET_BRANCH_NAME: "main",
      CI_MERGE_REQUEST_SOURCE_BRANCH_SHA: "",
      CI_COMMIT_REF_NAME: "fix",
    },
    runId: "gitlab-ci/gitlab-org/gitlab/1235",
    source: { ...gitlab.source, branch: "fix", baseBranch: "main", changeId: "7" },
    ci: { ...gitlab.ci, buildId: "1235" },
  },
  {
    ...gitlab,
    title: "GitLab CI: merged results",
    docs: "https://docs.gitlab.com/ci/pipelines/merged_results_pipelines/",
    env: {
      ...gitlabWithoutBranch,
      CI_PIPELINE_ID: "1236",
      CI_MERGE_REQUEST_EVENT_TYPE: "merged_result",
      CI_MERGE_REQUEST_IID: "7",
      CI_MERGE_REQUEST_SOURCE_BRANCH_NAME: "fix",
      CI_MERGE_REQUEST_TARGET_BRANCH_NAME: "main",
      CI_MERGE_REQUEST_SOURCE_BRANCH_SHA: head,
      CI_COMMIT_SHA: merge,
      CI_COMMIT_REF_NAME: "refs/merge-requests/7/merge",
    },
    runId: "gitlab-ci/gitlab-org/gitlab/1236",
    source: { ...gitlab.source, branch: "fix", baseBranch: "main", changeId: "7" },
    ci: { ...gitlab.ci, buildId: "1236" },
  },
  {
    ...gitlab,
    title: "GitLab CI: a tag has no branch",
    env: {
      ...gitlabWithoutBranch,
      CI_PIPELINE_ID: "1237",
      CI_COMMIT_TAG: "v1",
      CI_COMMIT_REF_NAME: "v1",
    },
    runId: "gitlab-ci/gitlab-org/gitlab/1237",
    source: { repositoryUrl: gitlab.source.repositoryUrl, commitSha: head },
    ci: { ...gitlab.ci, buildId: "1237" },
  },

  { title: "Jenkins: a branch of a multibranch project", ...jenkins },
  {
    ...jenkins,
    title: "Jenkins: another stage of it",
    env: { ...jenkins.env, STAGE_NAME: "Browser tests" },
    part: { job: "Browser tests" },
  },
  {
    ...jenkins,
    title: "Jenkins: a change request",
    docs: "https://github.com/jenkinsci/branch-api-plugin/blob/master/docs/user.adoc",
    env: {
      ...jenkins.env,
      JOB_NAME: "shop/PR-12",
      BRANCH_NAME: "PR-12",
      GIT_BRANCH: "PR-12",
      CHANGE_ID: "12",
      CHANGE_BRANCH: "fix",
      CHANGE_TARGET: "main",
    },
    runId: "jenkins/ci.example.org/jenkins/shop/PR-12/153",
    source: { ...jenkins.source, branch: "fix", baseBranch: "main", changeId: "12" },
    ci: { ...jenkins.ci, pipeline: "shop/PR-12" },
  },
  {
    ...jenkins,
    title: "Jenkins: a project of one branch",
    docs: "https://plugins.jenkins.io/git/#plugin-content-environment-variables",
    env: {
      JENKINS_HOME: "/var/jenkins_home",
      BUILD_NUMBER: "9",
      JOB_NAME: "nightly",
      GIT_COMMIT: head,
      GIT_BRANCH: "origin/main",
    },
    runId: "jenkins/nightly/9",
    source: { commitSha: head, branch: "main" },
    ci: { provider: "jenkins", pipeline: "nightly", buildId: "9" },
    part: {},
  },

  { title: "CircleCI: a job", ...circle },
  {
    ...circle,
    title: "CircleCI: a parallel job is a shard",
    docs: "https://circleci.com/docs/guides/optimize/parallelism-faster-jobs/",
    env: {
      ...circle.env,
      CIRCLE_BUILD_NUM: "48213",
      CIRCLE_NODE_INDEX: "3",
      CIRCLE_NODE_TOTAL: "4",
    },
    part: { job: "test", shardIndex: 4, shardTotal: 4 },
  },
  {
    ...circle,
    title: "CircleCI: a pull request, on a server of one's own",
    env: {
      ...circle.env,
      CIRCLE_WORKFLOW_ID: "w-2",
      CIRCLE_BUILD_URL: "https://circle.example.org/gh/acme/shop/1",
      CIRCLE_PULL_REQUEST: "https://github.com/acme/shop/pull/12",
      CIRCLE_BRANCH: "fix",
    },
    runId: "circleci/w-2",
    source: { ...circle.source, branch: "fix", changeId: "12" },
    ci: {
      provider: "circleci",
      buildId: "w-2",
      buildUrl: "https://circle.example.org/pipelines/workflows/w-2",
    },
  },

  { title: "Buildkite: a job", ...buildkite },
  {
    ...buildkite,
    title: "Buildkite: the job retried is a new attempt",
    docs: "https://buildkite.com/docs/pipelines/configure/retry",
    env: { ...buildkite.env, BUILDKITE_RETRY_COUNT: "1" },
    part: { job: ":hammer: Tests", attempt: 2 },
  },
  {
    ...buildkite,
    title: "Buildkite: a parallel job is a shard of its step",
    docs: "https://buildkite.com/docs/pipelines/tutorials/parallel-builds",
    env: {
      ...buildkite.env,
      BUILDKITE_LABEL: "Tests 1/5",
      BUILDKITE_PARALLEL_JOB: "0",
      BUILDKITE_PARALLEL_JOB_COUNT: "5",
    },
    part: { job: "tests", shardIndex: 1, shardTotal: 5 },
  },
  {
    ...buildkite,
    title: "Buildkite: a pull request, asked for by API",
    env: {
      ...buildkite.env,
      BUILDKITE_BUILD_ID: "b-2",
      BUILDKITE_COMMIT: "HEAD",
      BUILDKITE_BRANCH: "fix",
      BUILDKITE_PULL_REQUEST: "123",
      BUILDKITE_PULL_REQUEST_BASE_BRANCH: "main",
    },
    runId: "buildkite/my-project/b-2",
    source: {
      repositoryUrl: buildkite.source.repositoryUrl,
      branch: "fix",
      baseBranch: "main",
      changeId: "123",
    },
    ci: { ...buildkite.ci, buildId: "b-2" },
  },

  { title: "Azure Pipelines: a branch", ...azure },
  {
    ...azure,
    title: "Azure Pipelines: the job run again is a new attempt",
    env: { ...azure.env, SYSTEM_JOBATTEMPT: "2" },
    part: { job: "Unit tests", attempt: 2 },
  },
  {
    ...azure,
    title: "Azure Pipelines: the job run again with its stage is a newer attempt",
    env: { ...azure.env, SYSTEM_STAGEATTEMPT: "2", SYSTEM_JOBATTEMPT: "2" },
    part: { job: "Unit tests", attempt: 3 },
  },
  {
    ...azure,
    title: "Azure Pipelines: a job of strategy: parallel is a shard",
    docs: "https://learn.microsoft.com/azure/devops/pipelines/test/parallel-testing-any-test-runner",
    env: {
      ...azure.env,
      SYSTEM_PARALLELEXECUTIONTYPE: "MultiMachine",
      SYSTEM_JOBDISPLAYNAME: "Unit tests 2",
      SYSTEM_JOBPOSITIONINPHASE: "2",
      SYSTEM_TOTALJOBSINPHASE: "3",
    },
    part: { job: "unit", shardIndex: 2, shardTotal: 3 },
  },
  {
    ...azure,
    title: "Azure Pipelines: a job of strategy: matrix is a job",
    docs: "https://learn.microsoft.com/azure/devops/pipelines/yaml-schema/jobs-job-strategy",
    env: {
      ...azure.env,
      SYSTEM_PARALLELEXECUTIONTYPE: "MultiConfiguration",
      SYSTEM_JOBDISPLAYNAME: "Unit tests linux",
      SYSTEM_JOBPOSITIONINPHASE: "2",
      SYSTEM_TOTALJOBSINPHASE: "3",
    },
    part: { job: "Unit tests linux" },
  },
  {
    ...azure,
    title: "Azure Pipelines: a pull request on GitHub",
    env: {
      ...azure.env,
      BUILD_BUILDID: "1218",
      BUILD_SOURCEVERSION: merge,
      BUILD_SOURCEBRANCH: "refs/pull/12/merge",
      SYSTEM_PULLREQUEST_PULLREQUESTID: "1093847",
      SYSTEM_PULLREQUEST_PULLREQUESTNUMBER: "12",
      SYSTEM_PULLREQUEST_SOURCEBRANCH: "refs/heads/fix",
      SYSTEM_PULLREQUEST_TARGETBRANCH: "refs/heads/main",
      SYSTEM_PULLREQUEST_SOURCECOMMITID: head,
    },
    runId: "azure-pipelines/dev.azure.com/fabrikamfiber/Fabrikam Fiber/1218",
    source: { ...azure.source, branch: "fix", baseBranch: "main", changeId: "12" },
    ci: {
      ...azure.ci,
      buildId: "1218",
      buildUrl: "https://dev.azure.com/fabrikamfiber/Fabrikam%20Fiber/_build/results?buildId=1218",
    },
  },
];
