/** The feeds of a server: one for each project whose runs are watched, as long as they are. */
import type { ProjectRef } from "../../resolve-project.js";
import { type FeedDeps, openRunFeed, type RunFeed } from "./run-feed.js";
import { createRunWatcher, type RunWatcher, type WatchFilter } from "./run-watcher.js";

export interface RunFeeds {
  /** A watcher until the signal is aborted; then nothing of it is left, nor of its feed if it was the last. */
  watch(project: ProjectRef, filter: WatchFilter, signal: AbortSignal): RunWatcher;
  /** Feeds that look. */
  readonly openCount: number;
}

/** No feed looks before somebody watches. */
export function createRunFeeds(deps: FeedDeps): RunFeeds {
  const feeds = new Map<string, RunFeed>();
  return {
    watch(project, filter, signal) {
      const { projectKey } = project;
      const watcher = createRunWatcher(filter, signal);
      if (signal.aborted) return watcher;
      const feed = feeds.get(projectKey) ?? openRunFeed(deps, project);
      feeds.set(projectKey, feed);
      const leave = () => {
        feed.leave(watcher);
        if (feed.watcherCount > 0) return;
        feed[Symbol.dispose]();
        feeds.delete(projectKey);
      };
      signal.addEventListener("abort", leave, { once: true });
      feed.join(watcher);
      return watcher;
    },
    get openCount() {
      return feeds.size;
    },
  };
}
