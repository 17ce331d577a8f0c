/** To which part of which run an upload goes, and what is said of its code. */
import type { CiFacts } from "../client/ci/ci-facts.js";
import { gatherCiFacts } from "../client/ci/gather.js";
import type { Context } from "./context.js";

/** What options say; they win over what the build says of itself. */
export interface TargetOptions {
  readonly runId?: string;
  readonly job?: string;
  readonly attempt?: number;
  readonly shard?: { readonly shardIndex: number; readonly shardTotal: number };
  readonly branch?: string;
  readonly commit?: string;
}

export type UploadTarget = Pick<CiFacts, "runId" | "source" | "ci" | "part">;

/** Outside of CI, and without an option or TALLY_RUN_ID, the run is the one that `otherRunId` names. */
export async function findTarget(
  { surroundings, warn }: Pick<Context, "surroundings" | "warn">,
  options: TargetOptions,
  otherRunId: () => Promise<string>,
): Promise<UploadTarget> {
  const env = {
    ...surroundings.env,
    ...(options.job === undefined ? {} : { TALLY_JOB: options.job }),
    ...(options.branch === undefined ? {} : { TALLY_BRANCH: options.branch }),
    ...(options.commit === undefined ? {} : { TALLY_COMMIT: options.commit }),
  };
  const { runId, source, ci, part, warnings } = await gatherCiFacts(env, process.cwd());
  for (const warning of warnings) warn(warning);
  const { attempt = part.attempt, shard } = options;
  return {
    runId: options.runId ?? (runId || (await otherRunId())),
    source,
    ci,
    part: { ...part, attempt, ...shard },
  };
}

/** The target in one line, for a person. */
export function targetText({ source, ci, part }: UploadTarget): string {
  const { job, attempt, shardIndex, shardTotal } = part;
  return [
    job === "" ? "" : `job ${job}`,
    attempt === 1 ? "" : `attempt ${attempt}`,
    shardTotal === 0 ? "" : `shard ${shardIndex}/${shardTotal}`,
    source.branch === "" ? "" : `branch ${source.branch}`,
    source.changeId === "" ? "" : `change ${source.changeId}`,
    source.commitSha === ""
      ? ""
      : `commit ${source.commitSha.slice(0, SHORT_SHA)}${source.dirty ? ", changed since" : ""}`,
    ci.buildUrl === "" ? ci.provider : ci.buildUrl,
  ]
    .filter((text) => text !== "")
    .join(", ");
}

const SHORT_SHA = 12;
