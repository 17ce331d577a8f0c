/** Looks for what changed in the runs of a project, for all who watch them on this server. */
import { readClock } from "../../../db/clock.js";
import type { Queryable } from "../../../db/queryable.js";
import { listWatchedRuns, type RunChange, readRunChanges } from "../../../db/run-changes.js";
import { readBatchFailures, readNewestFailures } from "../../../db/run-failures.js";
import { type RunRecord, readRunSummaries } from "../../../db/run-records.js";
import { limits } from "../../../limits.js";
import type { Logger } from "../../../log.js";
import type { ProjectRef } from "../../resolve-project.js";
import { deletedNews, type RunNews, runNews } from "./run-news.js";
import type { RunWatcher, WatchFilter } from "./run-watcher.js";

export interface FeedDeps {
  readonly db: Queryable;
  readonly log: Logger;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

export interface RunFeed extends Disposable {
  /** It begins with the next look, and takes part in those after it. */
  join(watcher: RunWatcher): void;
  leave(watcher: RunWatcher): void;
  readonly watcherCount: number;
}

/** Between two looks: with the look, a change is told within half a second. */
const LOOK_EVERY_MS = 400;
/** How far a look reaches back behind the one before: nearly every statement takes less. */
const OVERLAP_US = 2_000_000;
/** Every so often a look reaches back further than any statement can take, which is 35 s. */
const SWEEP_EVERY_US = 10_000_000;
const SWEEP_OVERLAP_US = 40_000_000;
const LOOK_TIMEOUT_MS = 10_000;
/** Runs whose told state is remembered, and batches whose failures are. */
const MAX_TOLD = 2_000;
const MAX_SEEN = 50_000;
const RUNS_PER_STATEMENT = 100;

/** Looks until it is disposed. The first look is for what is there: what it finds is told to nobody. */
export function openRunFeed(deps: FeedDeps, project: ProjectRef): RunFeed {
  const { db, log, now } = deps;
  const { projectKey, projectId } = project;
  const watchers = new Set<RunWatcher>();
  const joining = new Set<RunWatcher>();
  /** The digest of what was told of a run last; the one that was told longest ago comes first. */
  const told = new Map<string, string>();
  /** Failing batches, and when they were found; the oldest comes first. */
  const seen = new Map<string, number>();
  let lookedUs: number | null = null;
  let sweptUs = 0;

  /** What changed since the look before. Nothing is told or remembered before everything is read. */
  const look = async () => {
    const deadlineAt = now() + LOOK_TIMEOUT_MS;
    const isFirst = lookedUs === null;
    const sweeps = lookedUs !== null && lookedUs - sweptUs >= SWEEP_EVERY_US;
    const reachUs = isFirst || sweeps ? SWEEP_OVERLAP_US : OVERLAP_US;
    const sinceUs = (lookedUs ?? (await readClock(db, deadlineAt))) - reachUs;
    const known = sweeps ? [...told.keys()] : [];
    const { nowUs, runs } = await readRunChanges(db, projectKey, sinceUs, known, deadlineAt);
    // Nobody is there yet: only that runs are gone need not be told any more.
    const found = await readNews(isFirst ? [] : runs, deadlineAt);
    const gone = isFirst ? runs.filter(({ deleted }) => deleted) : [];
    const beginnings = await readBeginnings(deadlineAt);

    for (const { news, audience } of found) {
      if (told.get(news.runKey) === news.digest && news.failures.length === 0) continue;
      remember(news);
      for (const watcher of audience) watcher.add(news);
    }
    for (const { runKey, runId } of gone) remember(deletedNews(runKey, runId));
    for (const key of runs.flatMap(({ failingBatches }) => failingBatches)) {
      if (!seen.has(key) && seen.size < MAX_SEEN) seen.set(key, nowUs);
    }
    for (const [key, atUs] of seen) {
      if (atUs >= nowUs - 2 * SWEEP_OVERLAP_US) break;
      seen.delete(key);
    }
    for (const { watcher, news } of beginnings) {
      // Who left meanwhile is not there any more.
      if (!joining.delete(watcher)) continue;
      for (const each of news) tellOthers(each);
      watcher.begin(news);
      watchers.add(watcher);
    }
    for (const watcher of watchers) watcher.upTo(nowUs);
    if (isFirst || sweeps) sweptUs = nowUs;
    lookedUs = nowUs;
  };

  /**
   * What is news to one who begins may be newer than what those who watch were told: the next look would find it told
   * already. New failures come with that look.
   */
  const tellOthers = (news: RunNews) => {
    if (told.get(news.runKey) === news.digest) return;
    remember(news);
    const { runId, source } = news.run;
    const run = { runId, branch: source?.branch ?? "" };
    for (const watcher of watchers) {
      if (isWanted(run, watcher.filter)) watcher.add({ ...news, ...NO_FAILURES });
    }
  };

  const remember = ({ runKey, digest }: RunNews) => {
    told.delete(runKey);
    told.set(runKey, digest);
    const [oldest] = told.keys();
    if (told.size > MAX_TOLD && oldest !== undefined) told.delete(oldest);
  };

  /** The news of changed runs, each with those who want it; what nobody wants is not read. */
  const readNews = async (changes: readonly RunChange[], deadlineAt: number) => {
    const wanted = changes.flatMap((change) => {
      const audience = [...watchers].filter(({ filter }) => isWanted(change, filter));
      return audience.length === 0 ? [] : [{ change, audience }];
    });
    const living = wanted.filter(({ change }) => !change.deleted);
    const records = await readRecords(
      living.map(({ change }) => change.runKey),
      deadlineAt,
    );
    const found: { news: RunNews; audience: readonly RunWatcher[] }[] = [];
    for (const { change, audience } of wanted) {
      const { runKey, runId, deleted, failingBatches } = change;
      const record = records.get(runKey);
      if (deleted) found.push({ news: deletedNews(runKey, runId), audience });
      if (deleted || record === undefined) continue;
      const fresh = failingBatches.filter((key) => !seen.has(key));
      const failures =
        fresh.length > 0 && seen.size >= MAX_SEEN
          ? { failures: [], truncated: true }
          : await readBatchFailures(db, projectKey, runKey, fresh, FAILURE_BOUNDS, deadlineAt);
      found.push({ news: runNews(projectId, record, failures), audience });
    }
    return found;
  };

  /** What those who join are told first. Who cannot be told ends. */
  const readBeginnings = async (deadlineAt: number) => {
    const beginnings: { watcher: RunWatcher; news: RunNews[] }[] = [];
    for (const watcher of joining) {
      try {
        beginnings.push({ watcher, news: await readBeginning(watcher, deadlineAt) });
      } catch (error) {
        watcher.fail(error);
        joining.delete(watcher);
      }
    }
    return beginnings;
  };

  const readBeginning = async ({ filter }: RunWatcher, deadlineAt: number) => {
    const limit = limits.watchedRunsFirst;
    const runKeys = await listWatchedRuns(db, projectKey, filter, limit, deadlineAt);
    const records = await readRecords(runKeys, deadlineAt);
    const news: RunNews[] = [];
    for (const runKey of runKeys) {
      const record = records.get(runKey);
      if (record === undefined) continue;
      const fails = record.parts.some(({ counts }) => counts.failed + counts.errored > 0);
      const failures = fails
        ? await readNewestFailures(db, projectKey, runKey, FAILURE_BOUNDS, deadlineAt)
        : NO_FAILURES;
      news.push(runNews(projectId, record, failures));
    }
    return news;
  };

  const readRecords = async (runKeys: readonly string[], deadlineAt: number) => {
    const records = new Map<string, RunRecord>();
    for (let from = 0; from < runKeys.length; from += RUNS_PER_STATEMENT) {
      const some = runKeys.slice(from, from + RUNS_PER_STATEMENT);
      for (const record of await readRunSummaries(db, projectKey, some, deadlineAt)) {
        records.set(record.runKey, record);
      }
    }
    return records;
  };

  let stopped = false;
  let isLooking = false;
  let isFailing = false;
  let timer: NodeJS.Timeout | undefined;
  const run = async () => {
    isLooking = true;
    try {
      await look();
      isFailing = false;
    } catch (error) {
      // Those who watch wait for the database; those who begin hear of it.
      if (!isFailing) log.warn({ event: "watch_failed", err: error });
      isFailing = true;
      for (const watcher of joining) watcher.fail(error);
      joining.clear();
    }
    isLooking = false;
    if (!stopped) timer = setTimeout(run, joining.size > 0 ? 0 : LOOK_EVERY_MS);
  };
  return {
    join(watcher) {
      joining.add(watcher);
      if (isLooking) return;
      clearTimeout(timer);
      run();
    },
    leave(watcher) {
      joining.delete(watcher);
      watchers.delete(watcher);
    },
    get watcherCount() {
      return watchers.size + joining.size;
    },
    [Symbol.dispose]() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}

const NO_FAILURES = { failures: [], truncated: false };
const FAILURE_BOUNDS = { limit: limits.watchedFailures, maxBytes: limits.watchedFailureBytes };

function isWanted({ branch, runId }: Pick<RunChange, keyof WatchFilter>, filter: WatchFilter) {
  if (filter.runId !== "" && runId !== filter.runId) return false;
  return filter.branch === "" || branch === filter.branch;
}
