import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type CiFacts, readCiFacts } from "../../../src/client/ci/ci-facts.js";
import type { GitFacts } from "../../../src/client/ci/git.js";
import { limits } from "../../../src/limits.js";
import { builds } from "./builds.js";

const git: GitFacts = {
  repositoryUrl: "git@example.org:acme/shop.git",
  commitSha: "a".repeat(40),
  treeSha: "b".repeat(40),
  branch: "work",
  dirty: true,
};

describe("the facts of a build", () => {
  it.each(builds.map((build) => [build.title, build] as const))("%s", (_, build) => {
    const { title, docs, env, githubEvent, runId, part, ...facts } = build;
    expect(docs).toMatch(/^https:/);
    const read = readCiFacts({ env, githubEvent });
    expect(read).toEqual({
      runId,
      source: { ...NO_SOURCE, ...facts.source },
      ci: { ...NO_CI, ...facts.ci },
      part: { ...ONE_PART, ...part },
      warnings: [],
    });
  });

  it("are the same for all parts of a build, but for the part", () => {
    const runIds = new Set(builds.map(({ runId }) => runId));
    const runs = [...runIds].map((runId) => builds.filter((build) => build.runId === runId));
    const parted = runs.filter((parts) => parts.length > 1);
    expect(parted).toHaveLength(6);
    for (const parts of parted) {
      const read = parts.map(({ env, githubEvent }) => readCiFacts({ env, githubEvent }));
      expect(new Set(read.map(({ source, ci }) => JSON.stringify([source, ci]))).size).toBe(1);
      expect(new Set(read.map(({ part }) => JSON.stringify(part))).size).toBe(parts.length);
    }
  });
});

describe("a checkout", () => {
  it("alone says all but the run and the part", () => {
    expect(readCiFacts({ env: {}, git })).toMatchObject({
      runId: "",
      source: { ...NO_SOURCE, ...git },
      ci: NO_CI,
      part: ONE_PART,
    });
  });

  it("adds its tree to the build of its commit, and is never dirty there", () => {
    const env = { CIRCLECI: "true", CIRCLE_SHA1: git.commitSha, CIRCLE_BRANCH: "main" };
    expect(readCiFacts({ env, git }).source).toMatchObject({
      treeSha: git.treeSha,
      branch: "main",
      repositoryUrl: git.repositoryUrl,
      dirty: false,
    });
  });

  it("adds its tree to a pull request whose merge is checked out", () => {
    const env = {
      GITHUB_ACTIONS: "true",
      GITHUB_SHA: git.commitSha,
      GITHUB_HEAD_REF: "fix",
      GITHUB_REF: "refs/pull/7/merge",
    };
    const githubEvent = { pull_request: { head: { sha: "c".repeat(40) } } };
    expect(readCiFacts({ env, git, githubEvent }).source).toMatchObject({
      commitSha: "c".repeat(40),
      treeSha: git.treeSha,
      changeId: "7",
    });
  });

  it("of another commit says nothing about the build", () => {
    const env = { CIRCLECI: "true", CIRCLE_SHA1: "d".repeat(40) };
    expect(readCiFacts({ env, git }).source).toMatchObject({
      treeSha: "",
      branch: "",
      repositoryUrl: "",
    });
  });
});

describe("TALLY_*", () => {
  it("wins over the CI system and git", () => {
    const [build] = builds;
    const env = {
      ...build?.env,
      TALLY_RUN_ID: "nightly-7",
      TALLY_JOB: "linux node 20",
      TALLY_SHARD: "2/3",
      TALLY_ATTEMPT: "4",
      TALLY_BRANCH: "release",
      TALLY_COMMIT: "e".repeat(40),
      TALLY_TREE: "f".repeat(40),
      TALLY_BASE_BRANCH: "stable",
      TALLY_CHANGE_ID: "99",
      TALLY_REPOSITORY_URL: "https://example.org/fork.git",
      TALLY_CI_PROVIDER: "own",
      TALLY_PIPELINE: "nightly",
      TALLY_BUILD_ID: "7",
      TALLY_BUILD_URL: "https://example.org/builds/7?view=log",
    };
    expect(readCiFacts({ env, git })).toEqual({
      runId: "nightly-7",
      source: {
        repositoryUrl: "https://example.org/fork.git",
        commitSha: "e".repeat(40),
        treeSha: "f".repeat(40),
        branch: "release",
        baseBranch: "stable",
        changeId: "99",
        dirty: false,
      },
      ci: {
        provider: "own",
        pipeline: "nightly",
        buildId: "7",
        buildUrl: "https://example.org/builds/7?view=log",
      },
      part: { job: "linux node 20", attempt: 4, shardIndex: 2, shardTotal: 3 },
      warnings: [],
    });
  });

  it.each([
    [{ TALLY_SHARD: "5/4" }, "TALLY_SHARD"],
    [{ TALLY_SHARD: "0/4" }, "TALLY_SHARD"],
    [{ TALLY_SHARD: "1/2/3" }, "TALLY_SHARD"],
    [{ TALLY_SHARD: "1/20000" }, "TALLY_SHARD"],
    [{ TALLY_SHARD: "one" }, "TALLY_SHARD"],
    [{ TALLY_ATTEMPT: "second" }, "TALLY_ATTEMPT"],
  ])("%j makes no sense: a warning, and the default", (env, named) => {
    const { part, warnings } = readCiFacts({ env });
    expect(warnings).toMatchObject([expect.stringContaining(named)]);
    expect(part).toEqual(ONE_PART);
  });
});

describe("values of any kind", () => {
  const hostile = fc.oneof(
    fc.constantFrom(
      "",
      " ",
      "null",
      "undefined",
      "true",
      "-1",
      "0",
      "1e9",
      "99999999999999",
      "1/2",
    ),
    fc.constantFrom("a\nb\r\u0000c", "\ud800", "x".repeat(10_240), "https://u:p@h/", "../../etc"),
    fc.string({ unit: "binary", maxLength: 40 }),
    fc.constant(undefined),
  );
  const names = [...new Set(builds.flatMap(({ env }) => Object.keys(env)))].concat(
    ["RUN_ID", "JOB", "SHARD", "ATTEMPT", "BRANCH", "BUILD_URL"].map((name) => `TALLY_${name}`),
  );
  const switches = [...new Set(builds.map(({ env }) => Object.keys(env)[0] ?? ""))];

  it("never throw, and fit the contract", () => {
    const env = fc.record(Object.fromEntries(names.map((name) => [name, hostile])), {
      requiredKeys: [],
    });
    fc.assert(
      fc.property(env, fc.constantFrom(...switches), fc.anything(), (values, flag, githubEvent) => {
        const facts = readCiFacts({ env: { ...values, [flag]: "true" }, githubEvent });
        const texts = Object.values({ ...facts.source, ...facts.ci, job: facts.part.job });
        for (const text of texts.map(String)) {
          expect(text.isWellFormed()).toBe(true);
          expect(Buffer.byteLength(text)).toBeLessThanOrEqual(limits.nameBytes);
          expect(text).not.toMatch(/[\0\n]|^null$|^undefined$/);
        }
        expect(Buffer.byteLength(facts.runId)).toBeLessThanOrEqual(limits.runIdBytes);
        const { attempt, shardIndex, shardTotal } = facts.part;
        expect(attempt).toBeGreaterThanOrEqual(1);
        expect(attempt).toBeLessThanOrEqual(limits.attempts);
        expect(shardIndex).toBeLessThanOrEqual(shardTotal);
        expect(shardIndex > 0).toBe(shardTotal > 0);
        expect(shardTotal).toBeLessThanOrEqual(limits.shardTotal);
      }),
      { numRuns: 500 },
    );
  });

  it("keep long names apart", () => {
    const jobs = ["a", "b"].map((end) => "x".repeat(2000) + end);
    const read = jobs.map((job) => readCiFacts({ env: { TALLY_JOB: job } }).part.job);
    expect(new Set(read).size).toBe(2);
  });

  it.each([
    ["https://user:token@example.org/acme/shop.git", "https://example.org/acme/shop.git"],
    ["https://token@example.org/acme/shop.git", "https://example.org/acme/shop.git"],
    ["https://us:p@ss:w@example.org:8443/a?private_token=x#y", "https://example.org:8443/a"],
    ["https://us:pa/ss@example.org/a.git", "https://example.org/a.git"],
    [`https://user:${"x".repeat(2000)}@example.org/a.git`, "https://example.org/a.git"],
    ["HTTPS://user:token@example.org/a", "https://example.org/a"],
    ["ssh://git:secret@example.org/a.git", "ssh://git@example.org/a.git"],
    ["ssh://git@example.org/a.git", "ssh://git@example.org/a.git"],
    ["git@example.org:acme/shop.git", "git@example.org:acme/shop.git"],
    ["git:secret@example.org:acme/shop.git", "git@example.org:acme/shop.git"],
    ["/srv/git/shop.git", "/srv/git/shop.git"],
  ])("lose the credentials of %.60s", (url, shown) => {
    const env = { TALLY_REPOSITORY_URL: url };
    expect(readCiFacts({ env }).source.repositoryUrl).toBe(shown);
  });
});

const NO_SOURCE: CiFacts["source"] = {
  repositoryUrl: "",
  commitSha: "",
  treeSha: "",
  branch: "",
  baseBranch: "",
  changeId: "",
  dirty: false,
};
const NO_CI: CiFacts["ci"] = { provider: "", pipeline: "", buildId: "", buildUrl: "" };
const ONE_PART: CiFacts["part"] = { job: "", attempt: 1, shardIndex: 0, shardTotal: 0 };
