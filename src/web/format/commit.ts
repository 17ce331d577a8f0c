import { displayText } from "./display-text.js";

/** A commit as people say it: the first 8 digits of a hash, other texts as they are. */
export function shortCommit(sha: string): string {
  return /^[0-9a-f]{12,}$/i.test(sha) ? sha.slice(0, 8) : displayText(sha, 40);
}
