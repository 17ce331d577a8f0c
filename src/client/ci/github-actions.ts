/** https://docs.github.com/en/actions/reference/workflows-and-actions/variables */
import { type CiEnv, cleanText } from "./ci-env.js";
import { branchOfRef, type ProviderFacts, runIdOf } from "./provider-facts.js";

/**
 * A workflow run is a run, and so are its re-runs, which count GITHUB_RUN_ATTEMPT up: a job that is run again is a
 * new attempt of its part. All legs of a matrix have the same GITHUB_JOB, so TALLY_JOB must name the leg. Of a pull
 * request, `event` has the head; GITHUB_SHA is what GitHub merged.
 */
export function readGithubActions(env: CiEnv, event: unknown): ProviderFacts | undefined {
  if (!env.flag("GITHUB_ACTIONS")) return undefined;
  const [server, repository, id] = [
    env.text("GITHUB_SERVER_URL") || "https://github.com",
    env.text("GITHUB_REPOSITORY"),
    env.text("GITHUB_RUN_ID"),
  ];
  const url = repository === "" ? "" : `${server}/${repository}`;
  const runId = runIdOf(PROVIDER, [repository], id);
  return {
    provider: PROVIDER,
    runId,
    repositoryUrl: url,
    ...sourceOf(env, event),
    pipeline: env.text("GITHUB_WORKFLOW"),
    buildId: id,
    buildUrl: url === "" || id === "" ? "" : `${url}/actions/runs/${id}`,
    job: env.text("GITHUB_JOB"),
    attempt: env.count("GITHUB_RUN_ATTEMPT"),
    shardIndex: 0,
    shardTotal: 0,
  };
}

function sourceOf(env: CiEnv, event: unknown) {
  const sha = env.text("GITHUB_SHA");
  const ref = env.text("GITHUB_REF");
  const headRef = env.text("GITHUB_HEAD_REF");
  const request = memberOf(event, "pull_request");
  if (headRef !== "" || request !== undefined) {
    const number = memberOf(request, "number");
    // Of pull_request_target it is the base's last commit.
    const merged = ref.startsWith("refs/pull/") ? sha : "";
    return {
      commitSha: cleanText(memberOf(memberOf(request, "head"), "sha")) || merged,
      mergeCommitSha: merged,
      branch: headRef || cleanText(memberOf(memberOf(request, "head"), "ref")),
      baseBranch: env.text("GITHUB_BASE_REF"),
      changeId:
        typeof number === "number" ? String(number) : (/^refs\/pull\/(\d+)\//.exec(ref)?.[1] ?? ""),
    };
  }
  const [, queueBase = "", queuedChange = ""] =
    /^refs\/heads\/gh-readonly-queue\/(.+)\/pr-(\d+)-[0-9a-f]+$/.exec(ref) ?? [];
  const tagged = env.text("GITHUB_REF_TYPE") === "tag";
  return {
    commitSha: sha,
    branch: tagged ? "" : env.text("GITHUB_REF_NAME") || branchOfRef(ref),
    tagged,
    baseBranch: queueBase,
    changeId: queuedChange,
  };
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}

const PROVIDER = "github-actions";
