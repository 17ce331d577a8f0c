/** Uploads any number of results to a part of a run, each counted once, across cuts of the connection. */
import { type BatchSource, toBatches } from "./batches.js";
import type { TestResultInit } from "./fit-result.js";
import type { UploadFinishInit } from "./frames.js";
import { createPatience } from "./patience.js";
import { createBackoffWait, isCut, publish } from "./publish.js";
import type { UploadClient } from "./publish-answers.js";
import type { BatchLimits } from "./result-buffer.js";
import { createUploadState, type UploadCounts, type UploadOpenInit } from "./upload-state.js";

export interface UploadOptions extends BatchLimits {
  /**
   * What the `finish` frame says. The number of results is not added: a part may have several uploads, and
   * only its producer knows them all.
   */
  readonly finish?: UploadFinishInit;
  /** Called after each acknowledgement. */
  readonly onProgress?: (progress: UploadProgressReport) => void;
  /** How long an answer that is due is waited for, in milliseconds; by default for ever. */
  readonly patienceMs?: number;
  /** Ends the upload; what was acknowledged stays. */
  readonly signal?: AbortSignal;
  /** Spreads the waits before resuming; default Math.random. */
  readonly random?: () => number;
}

export interface UploadProgressReport {
  readonly acknowledgedCount: number;
  readonly sentCount: number;
}

/** What became of the results. The counts add up to `sentCount`. */
export interface UploadSummary extends UploadCounts {
  /** How often the upload went on over a new stream. */
  readonly resumedCount: number;
}

/**
 * Sends the results and finishes the part. Memory is bounded by the batches that are not acknowledged, of which
 * there are at most 8. When the stream is cut, or ends with a hint to try again, everything not
 * acknowledged is sent again after that time; after 5 cuts without an acknowledgement the last error is thrown,
 * and UNAVAILABLE after `patienceMs` without an answer.
 * An error of `results` is thrown as it is, and INVALID_ARGUMENT for a result that is larger than a message; the part
 * then stays unfinished. A client that speaks Connect sends each batch by a call of its own.
 */
export async function uploadResults(
  client: UploadClient,
  open: UploadOpenInit,
  results: AsyncIterable<TestResultInit> | Iterable<TestResultInit>,
  options: UploadOptions = {},
): Promise<UploadSummary> {
  const { random = Math.random } = options;
  const source = createSource(results, options);
  using patience = createPatience(options.patienceMs, options.signal, () => !source.isWaiting);
  const { signal } = patience;
  const upload = createUploadState({ open, source, finish: () => options.finish ?? {} });
  try {
    const resumedCount = await publish(client, upload, {
      signal,
      resumes: (error, cuts) => source.failure === undefined && isCut(error) && cuts <= MAX_CUTS,
      wait: createBackoffWait({ random, signal }),
      onCut: patience.cut,
      onAnswer() {
        patience.heard();
        const { sentCount } = upload.counts;
        const acknowledgedCount = sentCount - upload.unacknowledgedCount;
        options.onProgress?.({ acknowledgedCount, sentCount });
      },
    });
    return { ...upload.counts, resumedCount };
  } catch (error) {
    throw source.failure === undefined ? (patience.error ?? error) : source.failure.error;
  } finally {
    upload.close();
    source.close();
  }
}

function createSource(
  results: AsyncIterable<TestResultInit> | Iterable<TestResultInit>,
  limits: BatchLimits,
) {
  const batches = toBatches(results, limits);
  let failure: { readonly error: unknown } | undefined;
  let isWaiting = false;
  const source: BatchSource = {
    async next() {
      isWaiting = true;
      try {
        const { value, done } = await batches.next();
        return done === true ? "end" : value;
      } catch (error) {
        failure = { error };
        throw error;
      } finally {
        isWaiting = false;
      }
    },
  };
  return {
    ...source,
    /** The results are waited for, so that no answer is due. */
    get isWaiting() {
      return isWaiting;
    },
    /** What the results have thrown. */
    get failure() {
      return failure;
    },
    /** Lets go of the results. */
    close() {
      // Not awaited: it waits for the result that the source is working on. Its failure is of no use any more.
      batches.return(undefined).catch(() => {});
    },
  };
}

const MAX_CUTS = 5;
