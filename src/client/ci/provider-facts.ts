/** What a CI system says about a build. */

/** Absent is unknown, as is an empty text. */
export interface ProviderFacts {
  /** Its name, as `ci.provider` has it. */
  readonly provider: string;
  readonly runId: string;
  readonly repositoryUrl?: string;
  /** The commit that someone wrote: of a change, its head. */
  readonly commitSha: string;
  /** The commit that the CI system made of the change and its base, and checked out. */
  readonly mergeCommitSha?: string;
  readonly branch?: string;
  /** A tag is built: the repository's branch is of no meaning. */
  readonly tagged?: boolean;
  readonly baseBranch?: string;
  readonly changeId?: string;
  readonly pipeline?: string;
  readonly buildId?: string;
  /** Of the build, not of the job. */
  readonly buildUrl?: string;
  readonly job?: string;
  readonly attempt: number;
  readonly shardIndex: number;
  readonly shardTotal: number;
}

/** `<provider>/<where>/<build>`, or empty if the build is not named. */
export function runIdOf(provider: string, where: readonly string[], build: string): string {
  return build === "" ? "" : [provider, ...where.filter((part) => part !== ""), build].join("/");
}

/** `main` of `refs/heads/main`; other texts as they are. */
export function branchOfRef(ref: string): string {
  return ref.replace(/^refs\/heads\//, "");
}

/** The host and path of a URL, without slashes at its ends; empty for what is no URL. */
export function hostAndPath(url: string): string {
  if (!URL.canParse(url)) return "";
  const { host, pathname } = new URL(url);
  return `${host}${pathname}`.replace(/\/+$/, "");
}
