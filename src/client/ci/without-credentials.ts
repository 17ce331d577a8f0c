/** URLs that may be shown to anyone. */

/**
 * The URL without a password, and of http(s) without any user, since tokens are put there too. The user of
 * `ssh://git@host` and of `git@host:path` stays. What cannot be read as a URL loses all before its last `@`.
 */
export function withoutCredentials(url: string): string {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(url)?.[1];
  if (scheme === undefined) return url.replace(/^([^/@:]*):[^/@]*@/, "$1@");
  if (!url.includes("@")) return url;
  if (!URL.canParse(url)) return `${scheme}://${url.slice(url.lastIndexOf("@") + 1)}`;
  const parsed = new URL(url);
  const isWeb = /^https?$/i.test(scheme);
  if (parsed.password === "" && !(isWeb && parsed.username !== "")) return url;
  parsed.password = "";
  if (isWeb) parsed.username = "";
  return parsed.href;
}

/** The URL of a repository without credentials, query and fragment. */
export function repositoryAddress(url: string): string {
  return withoutCredentials(url).replace(/^(https?:\/\/[^?#]*).*/is, "$1");
}
