/** Runs as they change, by one stream: browsers have six connections for a host, and a stream holds one. */
import { Code, ConnectError } from "@connectrpc/connect";
import { useTransport } from "@connectrpc/connect-query";
import { useEffect, useState } from "react";
import { StatsService } from "../../../gen/tally/v1/stats_service_pb.js";
import { mergeWatched, type WatchedRuns } from "./merge-watched.js";
import { startSilence } from "./silence.js";
import { usePageVisible } from "./use-page-visible.js";

/** What is watched: the runs of a project, of one branch, or one run. */
export interface Watched {
  readonly projectId: string;
  readonly branch?: string;
  readonly runId?: string;
}

/**
 * The newest state of each run that was told of, by run_id; `isLive` while the stream is open. It is open while the tab is in
 * sight, and opened again when it breaks or falls silent, after 1 to 15 seconds.
 */
export function useWatchedRuns({ projectId, branch = "", runId = "" }: Watched): {
  readonly runs: WatchedRuns;
  readonly isLive: boolean;
} {
  const transport = useTransport();
  const isVisible = usePageVisible();
  const question = JSON.stringify([projectId, branch, runId]);
  /** What was told of another question does not belong to this one. */
  const [told, setTold] = useState({ question, runs: NONE });
  const [isLive, setLive] = useState(false);
  useEffect(() => {
    if (!isVisible) return;
    const ended = new AbortController();
    const watch = async () => {
      for (let failures = 0; !ended.signal.aborted; failures++) {
        let isFirst = true;
        const silence = startSilence(ended.signal, SILENT_MS);
        try {
          const { message: messages } = await transport.stream(
            StatsService.method.watchRuns,
            silence.signal,
            0,
            undefined,
            one({ projectId, branch, runId }),
          );
          for await (const { runs: news } of messages) {
            silence.heard();
            failures = 0;
            setLive(true);
            const begins = isFirst;
            isFirst = false;
            if (!begins && news.length === 0) continue;
            setTold((before) => ({
              question,
              runs: mergeWatched(
                before.question === question ? before.runs : NONE,
                news,
                runId,
                begins,
              ),
            }));
          }
        } catch (thrown) {
          const { code } = ConnectError.from(thrown);
          if (ENDS_FOR_GOOD.has(code)) return;
        } finally {
          silence.stop();
          setLive(false);
        }
        await wait(Math.min(15_000, 1000 * 2 ** failures), ended.signal);
      }
    };
    void watch();
    return () => {
      ended.abort();
      setLive(false);
    };
  }, [transport, isVisible, question, projectId, branch, runId]);
  return { runs: told.question === question ? told.runs : NONE, isLive };
}

const NONE: WatchedRuns = new Map();

async function* one<T>(request: T): AsyncGenerator<T> {
  yield request;
}

/** The server says something every 15 seconds. */
const SILENT_MS = 40_000;

const ENDS_FOR_GOOD = new Set([
  Code.Unauthenticated,
  Code.PermissionDenied,
  Code.NotFound,
  Code.InvalidArgument,
]);

function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
