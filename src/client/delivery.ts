/** Delivers the batches of a session to the server, for as long as it takes, and knows whether the server is there. */
import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import { Code, ConnectError } from "@connectrpc/connect";
import type { UploadOpen } from "../../gen/tally/v1/ingest_service_pb.js";
import type { UploadFinishInit } from "./frames.js";
import { backoffMs, publish } from "./publish.js";
import type { UploadClient } from "./publish-answers.js";
import type { CloseOptions } from "./session-options.js";
import type { SessionQueue } from "./session-queue.js";
import { watchSilence } from "./silence.js";
import { createUploadState, type UploadCounts } from "./upload-state.js";
import { within } from "./within.js";

export interface DeliveryOptions {
  readonly client: UploadClient;
  readonly open: UploadOpen;
  readonly queue: SessionQueue;
  readonly random: () => number;
  /** How long the server may be silent, in milliseconds. */
  readonly awayAfterMs: number;
  /** The server is silent for so long: it may be away. */
  readonly onAway: () => void;
  /** The server takes nothing of this run, now or later. */
  readonly onRefused: (error: unknown) => void;
}

/** How long the one who closes waits. */
export type ClosePatience = Pick<CloseOptions, "deadlineMs" | "patienceMs">;

export interface Delivery {
  readonly counts: UploadCounts;
  /** Results of the batches that are acknowledged. */
  readonly acknowledgedCount: number;
  /** The server has answered at least once. */
  readonly hasAnswered: boolean;
  /** Everything is acknowledged, also the finish. */
  readonly isDone: boolean;
  /** Of the last call that failed, unless everything is acknowledged. */
  readonly error: unknown;
  /**
   * Sends the finish after the last batch, and resolves when it is acknowledged, when the server refuses, or when the
   * patience of the one who closes is over.
   */
  finish(finish: UploadFinishInit, patience: ClosePatience): Promise<void>;
  /** Ends all calls. */
  stop(): Promise<void>;
}

/** Begins at once: the first frame makes the run known. */
export function startDelivery(options: DeliveryOptions): Delivery {
  const { client, open, queue, random } = options;
  const ending = new AbortController();
  let finish: UploadFinishInit | undefined;
  let acknowledgedCount = 0;
  let isDone = false;
  let hasEnded = false;
  let error: unknown;
  let stream = new AbortController();
  /** A stream has been opened and nothing of it is answered. */
  let isOpening = false;
  let hasAnswered = false;
  /** When the server showed life last; the start counts as such. */
  let aliveAt = performance.now();
  /** Since then a stream was cut. */
  let isCutOff = false;
  let hurry = () => {};

  const upload = createUploadState({
    open,
    source: queue,
    finish: () => finish,
    onAcknowledged(batch) {
      acknowledgedCount += batch.count;
      queue.release(batch);
    },
  });
  const silence = watchSilence({
    isOwed: () => !hasEnded && (isOpening || !queue.isEmpty || finish !== undefined),
    limitMs: options.awayAfterMs,
    onSilent() {
      queue.writesThrough = true;
      queue.spill();
      // Calls hold the process; the wait before the next stream does not.
      stream.abort();
      options.onAway();
    },
  });
  const delivering = deliver().finally(() => {
    hasEnded = true;
    silence[Symbol.dispose]();
  });

  async function deliver(): Promise<void> {
    try {
      await publish(client, upload, {
        signal: ending.signal,
        resumes: (cause) => !FOR_GOOD.has(ConnectError.from(cause).code),
        wait,
        untilReady: () => queue.untilReady(),
        onStream() {
          stream = new AbortController();
          isOpening = true;
          return stream.signal;
        },
        onAnswer() {
          isOpening = false;
          hasAnswered = true;
          aliveAt = performance.now();
          isCutOff = false;
          queue.writesThrough = false;
          silence.break();
        },
        onCut(cause) {
          isOpening = false;
          isCutOff = true;
          error = cause;
        },
      });
      isDone = true;
      error = undefined;
    } catch (cause) {
      if (ending.signal.aborted) return;
      error = cause;
      queue.writesThrough = true;
      queue.spill();
      options.onRefused(cause);
    }
  }

  /** Does not hold the process; short once the session is being closed. */
  async function wait(cuts: number, askedMs: number): Promise<void> {
    const longestMs = finish === undefined ? MAX_WAIT_MS : CLOSING_WAIT_MS;
    const waitMs = Math.min(longestMs, Math.max(backoffMs(cuts, random), askedMs));
    const over = new AbortController();
    hurry = () => over.abort();
    // An abort is what ends it early.
    await sleep(waitMs, undefined, { ref: false, signal: over.signal }).catch(() => {});
  }

  /** When a finish gives up. */
  function givesUpAt(finishedAt: number, { deadlineMs, patienceMs }: ClosePatience): number {
    const deadlineAt = finishedAt + (deadlineMs ?? DEADLINE_MS);
    if (deadlineMs !== undefined && patienceMs === undefined) return deadlineAt;
    const silentAt = isCutOff ? 0 : aliveAt + (patienceMs ?? PATIENCE_MS);
    return Math.min(deadlineAt, Math.max(finishedAt + UNREACHABLE_MS, silentAt));
  }

  return {
    get counts() {
      return upload.counts;
    },
    get acknowledgedCount() {
      return acknowledgedCount;
    },
    get hasAnswered() {
      return hasAnswered;
    },
    get isDone() {
      return isDone;
    },
    get error() {
      return error;
    },
    async finish(given, patience) {
      const finishedAt = performance.now();
      finish = given;
      queue.end();
      hurry();
      const endsAt = () => givesUpAt(finishedAt, patience);
      while (!hasEnded && performance.now() < endsAt()) {
        await within(Math.min(POLL_MS, endsAt() - performance.now()), delivering);
      }
      // Where the host has blocked the event loop, the answers are there and were not read.
      for (let turns = 0; turns < 3 && !hasEnded; turns++) await turn();
    },
    async stop() {
      ending.abort();
      upload.close();
      hurry();
      await within(STOP_MS, delivering);
    },
  };
}

const MAX_WAIT_MS = 10_000;
const CLOSING_WAIT_MS = 250;
const DEADLINE_MS = 10_000;
const UNREACHABLE_MS = 1_000;
const PATIENCE_MS = 5_000;
const POLL_MS = 50;
const STOP_MS = 200;
/** What another try cannot cure; everything else may be a passing trouble. */
const FOR_GOOD: ReadonlySet<Code> = new Set([
  Code.InvalidArgument,
  Code.NotFound,
  Code.PermissionDenied,
  Code.Unauthenticated,
  Code.FailedPrecondition,
  Code.Unimplemented,
]);
