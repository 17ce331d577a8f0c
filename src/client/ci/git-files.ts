/** The files of a git repository that name its branch, commit and remote. */
import { join } from "node:path";
import { type GitFolders, readText } from "./git-folders.js";
import { branchOfRef } from "./provider-facts.js";

/**
 * Branch and commit of HEAD; empty for a detached HEAD's branch, and for the commit of a branch without one. The
 * branch is undefined where the files do not say it.
 */
export async function readHead({ own, common }: GitFolders) {
  const head = await readText(join(own, "HEAD"));
  const ref = /^ref: (refs\/\S+)$/.exec(head)?.[1];
  if (ref === undefined) return { branch: "", commitSha: SHA.test(head) ? head : "" };
  const loose = isInside(ref) ? await readText(join(common, ref)) : "";
  const commitSha = SHA.test(loose) ? loose : await packedCommit(common, ref);
  return { branch: ref === REFTABLE_REF ? undefined : branchOfRef(ref), commitSha };
}

/** The address of the remote `origin`, or of the only one. */
export async function readRemoteUrl({ common }: GitFolders): Promise<string> {
  const urls = new Map<string, string>();
  let remote: string | undefined;
  for (const line of (await readText(join(common, "config"))).split("\n")) {
    const section = /^\s*\[\s*(\S+?)(?:\s+"((?:[^"\\]|\\.)*)")?\s*\]/.exec(line);
    if (section !== null) remote = section[1]?.toLowerCase() === "remote" ? section[2] : undefined;
    const value = /^\s*url\s*=\s*"?([^"\s]+)"?\s*$/i.exec(line)?.[1];
    if (remote !== undefined && value !== undefined && !urls.has(remote)) urls.set(remote, value);
  }
  const [first] = urls.values();
  return urls.get("origin") ?? (urls.size === 1 ? (first ?? "") : "");
}

async function packedCommit(common: string, ref: string): Promise<string> {
  const packed = `\n${await readText(join(common, "packed-refs"))}\n`;
  const at = packed.indexOf(` ${ref}\n`);
  const sha = at < 0 ? "" : packed.slice(packed.lastIndexOf("\n", at) + 1, at);
  return SHA.test(sha) ? sha : "";
}

function isInside(ref: string): boolean {
  return !ref.split("/").includes("..");
}

/** What HEAD says where references are kept in tables (https://git-scm.com/docs/reftable). */
const REFTABLE_REF = "refs/heads/.invalid";
/** SHA-1 or SHA-256. */
const SHA = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;
