/** What one watcher of runs has still to be told: of each run how it is now, however long nobody asks. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, type ConnectError } from "@connectrpc/connect";
import type {
  WatchedRunSchema,
  WatchRunsResponseSchema,
} from "../../../../gen/tally/v1/stats_service_pb.js";
import { callError } from "../../../errors.js";
import { limits } from "../../../limits.js";
import { timestamp } from "../../run-message.js";
import type { RunNews, ToldFailure } from "./run-news.js";

/** The runs that a watcher wants; '' is all. */
export interface WatchFilter {
  readonly branch: string;
  readonly runId: string;
}

export interface RunWatcher {
  readonly filter: WatchFilter;
  /** The news with which it begins; until then it has no first message. */
  begin(news: readonly RunNews[]): void;
  /** Takes the news in place of what is still to be told of the run; its failures are added, up to a bound. */
  add(news: RunNews): void;
  /** All that was committed until then has been added: a message may leave. */
  upTo(asOfUs: number): void;
  /** It ends with this error. */
  fail(error: unknown): void;
  /** The next message: what is new, the most urgent first; nothing once the wait is over. */
  next(waitMs: number): Promise<MessageInitShape<typeof WatchRunsResponseSchema>>;
  /** Runs of which something is still to be told. */
  readonly pendingCount: number;
}

interface Pending {
  news: RunNews;
  readonly failures: ToldFailure[];
  bytes: number;
  truncated: boolean;
}

/** A message holds so many runs and bytes, and one run at least: clients take 4 MiB. */
const RUNS_PER_MESSAGE = 100;
const MESSAGE_BYTES = 1024 * 1024;

/** A watcher; it ends with the signal. */
export function createRunWatcher(filter: WatchFilter, signal: AbortSignal): RunWatcher {
  const pending = new Map<string, Pending>();
  /** Failures that the beginning told of: the look after it may find their batches again. */
  const begun = new Set<string>();
  let asOfUs: number | null = null;
  let hasBegun = false;
  let toldFirst = false;
  let ended: { readonly error: unknown } | null = null;
  let wake = () => {};

  const fail = (error: unknown) => {
    ended ??= { error };
    pending.clear();
    begun.clear();
    wake();
  };
  if (signal.aborted) fail(signal.reason);
  else signal.addEventListener("abort", () => fail(signal.reason), { once: true });

  const isDue = () => ended !== null || (asOfUs !== null && (pending.size > 0 || !toldFirst));
  const add = (news: RunNews) => {
    if (ended !== null) return;
    const { runKey, failures, truncated } = news;
    const entry = pending.get(runKey) ?? { news, failures: [], bytes: 0, truncated: false };
    entry.news = news;
    entry.truncated ||= truncated;
    for (const failure of failures) {
      if (begun.has(idOf(failure))) continue;
      if (
        entry.failures.length >= limits.watchedFailures ||
        (entry.failures.length > 0 && entry.bytes + failure.bytes > MESSAGE_BYTES)
      ) {
        entry.truncated = true;
        break;
      }
      entry.failures.push(failure);
      entry.bytes += failure.bytes;
    }
    pending.set(runKey, entry);
    if (pending.size > limits.watchedRunsBehind) fail(tooSlow());
  };
  return {
    filter,
    begin(news) {
      for (const each of news) add(each);
      for (const { failures } of news) for (const failure of failures) begun.add(idOf(failure));
      hasBegun = true;
    },
    add,
    upTo(us) {
      if (!hasBegun) return;
      asOfUs = us;
      if (isDue()) wake();
    },
    fail,
    async next(waitMs) {
      if (!isDue()) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, waitMs);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      if (ended !== null) throw ended.error;
      toldFirst = true;
      const runs = take(pending);
      return { runs, ...(asOfUs === null ? {} : { asOfTime: timestamp(asOfUs) }) };
    },
    get pendingCount() {
      return pending.size;
    },
  };
}

/** The first of what is pending, as much as a message holds. */
function take(pending: Map<string, Pending>): MessageInitShape<typeof WatchedRunSchema>[] {
  const runs: MessageInitShape<typeof WatchedRunSchema>[] = [];
  let bytes = 0;
  for (const [runKey, { news, failures, truncated, bytes: failureBytes }] of pending) {
    bytes += news.bytes + failureBytes;
    if (runs.length > 0 && (runs.length === RUNS_PER_MESSAGE || bytes > MESSAGE_BYTES)) break;
    pending.delete(runKey);
    const { run, deleted } = news;
    runs.push({
      run,
      deleted,
      failures: deleted ? [] : failures.map(({ message }) => message),
      failuresTruncated: truncated && !deleted,
    });
  }
  return runs;
}

function idOf({ message: { runId, testId, result } }: ToldFailure): string {
  return JSON.stringify([runId, testId, result?.resultId]);
}

function tooSlow(): ConnectError {
  return callError(
    Code.ResourceExhausted,
    `more than ${limits.watchedRunsBehind} runs changed that were not read; watch again`,
    { reason: "WATCHER_TOO_SLOW", retryAfterMs: 1000 },
  );
}
