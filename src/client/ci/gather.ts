/** The facts of the build that this process is part of. */
import { readFile, stat } from "node:fs/promises";
import type { Env } from "./ci-env.js";
import { type CiFacts, readCiFacts } from "./ci-facts.js";
import { readGit } from "./git.js";

/**
 * Reads the environment, the repository that contains the folder, and GitHub's event file. Takes up to two seconds
 * where git is slow, about 10 ms else. Never throws.
 */
export async function gatherCiFacts(env: Env, folder: string): Promise<CiFacts> {
  const [git, githubEvent] = await Promise.all([
    readGit(folder, env),
    readEvent(env["GITHUB_EVENT_PATH"]),
  ]);
  return readCiFacts({ env, git, githubEvent });
}

async function readEvent(path: string | undefined): Promise<unknown> {
  if (!path) return undefined;
  try {
    const { size } = await stat(path);
    return size > MAX_EVENT_BYTES ? undefined : JSON.parse(await readFile(path, "utf8"));
  } catch {
    // What it would say is known in part from variables.
    return undefined;
  }
}

/** GitHub delivers up to 25 MB. */
const MAX_EVENT_BYTES = 32 * 1024 * 1024;
