/** What a git checkout says about itself. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Env } from "./ci-env.js";
import { readHead, readRemoteUrl } from "./git-files.js";
import { findRepository } from "./git-folders.js";

/** Texts are empty where nothing is known. */
export interface GitFacts {
  readonly repositoryUrl: string;
  readonly commitSha: string;
  readonly treeSha: string;
  /** Empty with a detached HEAD. */
  readonly branch: string;
  /** Tracked files differ from the commit. Others do not count: reports are often among them. */
  readonly dirty: boolean;
}

/**
 * The facts of the repository that contains the folder, undefined if none does. Repository, commit and branch are
 * read from its files, tree and dirt are asked of the program `git`, which has two seconds for each; without it they
 * stay unknown. Nothing is written, and nothing that the repository configures is run. Never throws.
 */
export async function readGit(folder: string, env: Env): Promise<GitFacts | undefined> {
  const repository = await findRepository(folder);
  if (repository === undefined) return undefined;
  const git = (...args: string[]) => runGit(folder, env, args);
  const [head, repositoryUrl, revisions, changes] = await Promise.all([
    readHead(repository),
    readRemoteUrl(repository),
    git("rev-parse", "HEAD^{commit}", "HEAD^{tree}"),
    git("status", "--porcelain", "--untracked-files=no"),
  ]);
  const [commitSha = "", treeSha = ""] = revisions.split("\n");
  // References that are no plain files are left to the program.
  const branch = head.branch ?? (await git("symbolic-ref", "--quiet", "--short", "HEAD"));
  return {
    repositoryUrl,
    commitSha: head.commitSha || commitSha,
    treeSha,
    branch,
    dirty: changes !== "",
  };
}

/** What git prints; empty if it fails or takes too long. */
async function runGit(folder: string, env: Env, args: readonly string[]): Promise<string> {
  const options = {
    cwd: folder,
    timeout: TIMEOUT_MS,
    killSignal: "SIGKILL",
    maxBuffer: MAX_OUTPUT_BYTES,
    // Reading the state must not take the lock that the build may want.
    env: { ...env, GIT_OPTIONAL_LOCKS: "0", GIT_TERMINAL_PROMPT: "0" },
  } as const;
  try {
    const { stdout } = await promisify(execFile)("git", [...NO_HOOKS, ...args], options);
    return stdout.trim();
  } catch {
    // There is no git, or it does not trust the folder, or there is no commit yet.
    return "";
  }
}

const TIMEOUT_MS = 2_000;
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;
/** A configured monitor of files would be run by `git status`. */
const NO_HOOKS = ["-c", "core.fsmonitor=false"];
