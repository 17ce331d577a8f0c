/** Replays or dismisses all open rejections of a filter. */
import type { Client } from "@connectrpc/connect";
import type {
  RejectionFilter,
  RejectionService,
  ReplayOutcome,
} from "../../../../gen/tally/v1/rejection_service_pb.js";
import { countOutcomes } from "./replay-words.js";

type Rejections = Client<typeof RejectionService>;

interface All {
  readonly projectId: string;
  readonly filter: RejectionFilter;
  readonly signal: AbortSignal;
}

/** Sends all again, each once, oldest first. `onProgress` is told the outcomes so far. */
export async function replayAll(
  rejections: Pick<Rejections, "replayRejections">,
  {
    projectId,
    filter,
    signal,
    onProgress,
  }: All & {
    onProgress(counts: ReadonlyMap<ReplayOutcome, number>): void;
  },
): Promise<void> {
  const counts = new Map<ReplayOutcome, number>();
  let pageToken = "";
  do {
    const request = { projectId, filter, pageToken };
    const { results, nextPageToken } = await rejections.replayRejections(request, { signal });
    for (const [outcome, count] of countOutcomes(results)) {
      counts.set(outcome, (counts.get(outcome) ?? 0) + count);
    }
    onProgress(new Map(counts));
    pageToken = nextPageToken;
  } while (pageToken !== "");
}

/** Dismisses all with the note; `onProgress` is told how many so far. */
export async function dismissAll(
  rejections: Pick<Rejections, "dismissRejections">,
  {
    projectId,
    filter,
    signal,
    note,
    onProgress,
  }: All & {
    readonly note: string;
    onProgress(count: number): void;
  },
): Promise<void> {
  let count = 0;
  let isMore = true;
  while (isMore) {
    const answer = await rejections.dismissRejections({ projectId, filter, note }, { signal });
    count += answer.dismissedCount;
    isMore = answer.more;
    onProgress(count);
  }
}
