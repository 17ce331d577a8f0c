/** Sends an upload over as many streams as it takes. */
import { setTimeout as sleep } from "node:timers/promises";
import { Code, ConnectError } from "@connectrpc/connect";
import { retryAfterMs } from "./errors.js";
import { publishAnswers, type UploadClient } from "./publish-answers.js";
import type { UploadState } from "./upload-state.js";

export interface PublishOptions {
  /** Ends it; what was acknowledged stays. */
  readonly signal: AbortSignal | undefined;
  /** Whether to resume after an error, the one of so many in a row without an acknowledgement between them. */
  readonly resumes: (error: unknown, cuts: number) => boolean;
  /** Waits before it resumes after so many cuts; the server may ask for a time, in milliseconds. */
  readonly wait: (cuts: number, askedMs: number) => Promise<void>;
  /** Called before each stream: aborting the signal that it answers cuts that stream alone. */
  readonly onStream?: () => AbortSignal;
  /** Called after each answer. */
  readonly onAnswer?: () => void;
  /** Called at each error after which it resumes. */
  readonly onCut?: (error: unknown) => void;
  /** Resolves when a paused upload has more to send. */
  readonly untilReady?: () => Promise<void>;
}

/**
 * Resolves when everything is acknowledged, with the number of times that it resumed after a cut. What is not
 * acknowledged is sent again then, with the same sequences. Throws the error after which it does not resume.
 */
export async function publish(
  client: UploadClient,
  upload: UploadState,
  options: PublishOptions,
): Promise<number> {
  const { signal, resumes, onAnswer = () => {}, onCut = () => {} } = options;
  let cuts = 0;
  for (let resumed = 0; ; ) {
    try {
      const stream = upload.startStream();
      const signals = [signal, options.onStream?.()].filter((each) => each !== undefined);
      const callOptions = { signal: AbortSignal.any(signals) };
      for await (const answer of publishAnswers(client, stream.frames, callOptions)) {
        if (stream.take(answer)) cuts = 0;
        onAnswer();
        if (answer.finished) return resumed;
      }
      const end = stream.end();
      if (end === "done") return resumed;
      if (end === "cut") {
        throw new ConnectError("the stream ended before it was acknowledged", Code.Unavailable);
      }
      await options.untilReady?.();
    } catch (error) {
      cuts++;
      if (signal?.aborted || !resumes(error, cuts)) throw error;
      onCut(error);
      await options.wait(cuts, retryAfterMs(error) ?? 0);
      resumed++;
    }
  }
}

/** Waits that double from 200 ms to 30 s, each spread by half, or as long as the server asks within that bound. */
export function createBackoffWait({
  random,
  signal,
}: {
  readonly random: () => number;
  readonly signal: AbortSignal | undefined;
}): PublishOptions["wait"] {
  return async (cuts, askedMs) => {
    const waitMs = Math.min(MAX_WAIT_MS, Math.max(backoffMs(cuts, random), askedMs));
    await sleep(waitMs, undefined, signal === undefined ? {} : { signal });
  };
}

/** The wait after so many cuts. */
export function backoffMs(cuts: number, random: () => number): number {
  return FIRST_WAIT_MS * 2 ** Math.min(cuts - 1, 10) * (0.5 + random());
}

/** Whether an error says that the stream was cut, or asks to come again. */
export function isCut(error: unknown): boolean {
  return retryAfterMs(error) !== undefined || CUT_CODES.has(ConnectError.from(error).code);
}

const FIRST_WAIT_MS = 200;
const MAX_WAIT_MS = 30_000;
/** A server that stops at once resets its streams, which reads as a cancellation by the other side. */
const CUT_CODES: ReadonlySet<Code> = new Set([Code.Unavailable, Code.Canceled]);
