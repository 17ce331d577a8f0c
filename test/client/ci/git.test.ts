import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readGit } from "../../../src/client/ci/git.js";

let root: string;
let shop: string;
let sha: string;
let tree: string;
/** As in a container without git. */
const withoutGit = { PATH: "" };

beforeAll(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "tally-git-")));
  shop = join(root, "shop");
  git(root, "init", "--quiet", "-b", "feature/a", "shop");
  git(shop, "remote", "add", "upstream", "https://example.org/other.git");
  git(shop, "remote", "add", "origin", "https://robot:secret@example.org/acme/shop.git");
  writeFileSync(join(shop, "a.txt"), "a");
  git(shop, "add", "a.txt");
  git(shop, "commit", "--quiet", "-m", "one");
  [sha = "", tree = ""] = git(shop, "rev-parse", "HEAD", "HEAD^{tree}").split("\n");
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe("a checkout", () => {
  it("says repository, commit, tree and branch, from any folder in it", async () => {
    mkdirSync(join(shop, "src", "deep"), { recursive: true });
    for (const folder of [shop, join(shop, "src", "deep")]) {
      expect(await readGit(folder, process.env)).toEqual({
        repositoryUrl: "https://robot:secret@example.org/acme/shop.git",
        commitSha: sha,
        treeSha: tree,
        branch: "feature/a",
        dirty: false,
      });
    }
  });

  it("without the program git says all but the tree and dirt", async () => {
    expect(await readGit(shop, withoutGit)).toMatchObject({
      repositoryUrl: "https://robot:secret@example.org/acme/shop.git",
      commitSha: sha,
      treeSha: "",
      branch: "feature/a",
    });
  });

  it("is dirty when a tracked file differs, not for new files", async () => {
    const copy = clone("dirty");
    writeFileSync(join(copy, "report.xml"), "<testsuites/>");
    expect(await readGit(copy, process.env)).toMatchObject({ dirty: false });
    writeFileSync(join(copy, "a.txt"), "b");
    expect(await readGit(copy, process.env)).toMatchObject({ dirty: true, treeSha: tree });
  });

  it("with a detached HEAD has no branch", async () => {
    const copy = clone("detached");
    git(copy, "checkout", "--quiet", "--detach");
    expect(await readGit(copy, withoutGit)).toMatchObject({ commitSha: sha, branch: "" });
  });

  it("with packed references is read as well", async () => {
    const copy = clone("packed");
    git(copy, "pack-refs", "--all");
    expect(await readGit(copy, withoutGit)).toMatchObject({ commitSha: sha, branch: "feature/a" });
  });

  it("of a worktree has its own branch, and the repository's remote", async () => {
    const other = join(root, "worktree");
    git(shop, "worktree", "add", "--quiet", "-b", "fix", other);
    expect(await readGit(other, withoutGit)).toMatchObject({
      repositoryUrl: "https://robot:secret@example.org/acme/shop.git",
      commitSha: sha,
      branch: "fix",
    });
    expect(await readGit(other, process.env)).toMatchObject({ treeSha: tree });
  });

  it("without a commit has a branch alone", async () => {
    git(root, "init", "--quiet", "-b", "main", "empty");
    expect(await readGit(join(root, "empty"), process.env)).toEqual({
      repositoryUrl: "",
      commitSha: "",
      treeSha: "",
      branch: "main",
      dirty: false,
    });
  });

  it("runs nothing that the repository configures", async () => {
    const copy = clone("hooked");
    const ran = join(root, "ran");
    git(copy, "config", "core.fsmonitor", `touch ${ran}; false`);
    await readGit(copy, process.env);
    expect(() => realpathSync(ran)).toThrow();
  });
});

describe("no checkout", () => {
  it.each([
    ["an empty folder", undefined],
    ["a file .git that names nothing", "gitdir: ../nowhere"],
    ["a file .git of anything", "\0\0"],
  ])("is %s", async (name, content) => {
    const folder = join(root, name);
    mkdirSync(folder);
    if (content !== undefined) writeFileSync(join(folder, ".git"), content);
    expect(await readGit(folder, process.env)).toBeUndefined();
  });

  it("is a folder that is gone", async () => {
    expect(await readGit(join(root, "gone"), process.env)).toBeUndefined();
  });
});

/** From git 2.45 on. */
const knowsTables = /version (?:2\.(?:4[5-9]|[5-9]\d|\d{3})|[3-9])/.test(git(".", "version"));

it.skipIf(!knowsTables)("reads references that are kept in tables", async () => {
  const copy = join(root, "tables");
  git(root, "init", "--quiet", "-b", "main", "--ref-format=reftable", "tables");
  git(copy, "commit", "--quiet", "--allow-empty", "-m", "one");
  const commitSha = git(copy, "rev-parse", "HEAD");
  expect(await readGit(copy, process.env)).toMatchObject({ commitSha, branch: "main" });
});

function clone(name: string): string {
  git(root, "clone", "--quiet", shop, name);
  return join(root, name);
}

function git(cwd: string, ...args: string[]): string {
  const identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"];
  return execFileSync("git", [...identity, ...args], { cwd, encoding: "utf8" }).trim();
}
