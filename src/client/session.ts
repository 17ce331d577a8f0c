/** A run that is reported while it goes on: results one at a time, delivered or kept, and never in the way. */
import { resolve } from "node:path";
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { ConnectError } from "@connectrpc/connect";
import { type UploadOpen, UploadOpenSchema } from "../../gen/tally/v1/ingest_service_pb.js";
import { atExit } from "./at-exit.js";
import { startDelivery } from "./delivery.js";
import type { TestResultInit } from "./fit-result.js";
import type { UploadFinishInit } from "./frames.js";
import { createResultBuffer, type WrittenResults } from "./result-buffer.js";
import { sendSpool } from "./send-spool.js";
import {
  type CloseOptions,
  DEFAULT_SPOOL_DIR,
  type RunSession,
  type RunSessionOptions,
  type SessionSummary,
} from "./session-options.js";
import { createSessionQueue } from "./session-queue.js";
import { createWarn, type Warn } from "./session-warnings.js";
import { finishRecord, headerRecord } from "./spool-format.js";
import { createSpoolWriter } from "./spool-writer.js";
import { within } from "./within.js";

/**
 * Opens a session: the run appears at the server at once, if it answers. Results are sent in batches over an
 * acknowledged stream, kept until they are acknowledged, and sent again after every cut. While the server is away
 * they go to the spool folder, and from there when it is back. Nothing of it throws into the host, blocks it for
 * longer than it takes to write a batch to a file, or holds its process once results are delivered or spooled.
 *
 * A result is known by its `result_id`, or else by its test, `attempt` and `repeat_index` within the part: two that
 * agree in these are one result, also across sessions, so the same session again stores nothing twice.
 */
export function openRun(options: RunSessionOptions): RunSession {
  const { client, part, random = Math.random } = options;
  // Now, before the host goes to another folder.
  const spoolDir = resolve(options.spoolDir ?? DEFAULT_SPOOL_DIR);
  const warn = createWarn(options.onWarning);
  const openedAt = Date.now();
  const open = create(UploadOpenSchema, {
    projectId: options.projectId ?? "",
    run: options.run,
    ...(part === undefined ? {} : { part }),
  });
  const spool = createSpoolWriter({
    dir: spoolDir,
    maxBytes: options.maxSpoolBytes ?? MAX_SPOOL_BYTES,
    header() {
      const { origin, tokenId } = client;
      const spooled = delivery.hasAnswered ? open : withStart(open, openedAt);
      return headerRecord({ origin, tokenId, createdAt: openedAt, open: spooled });
    },
  });
  const queue = createSessionQueue({
    spool,
    maxBytes: options.maxMemoryBytes ?? MAX_MEMORY_BYTES,
    pauseMs: PAUSE_MS,
    onDropped: drop,
  });
  const buffer = createResultBuffer(options);
  const delivery = startDelivery({
    client,
    open,
    queue,
    random,
    awayAfterMs: options.awayAfterMs ?? AWAY_AFTER_MS,
    onAway: () => warn("away", `${client.origin} does not answer: results go to ${spoolDir}`),
    onRefused(error) {
      const { message } = ConnectError.from(error);
      warn("refused", `${client.origin} refuses the run: ${message}; results go to ${spoolDir}`);
    },
  });
  const earlier = new AbortController();
  const sendingEarlier =
    options.spool === "send" ? sendEarlier(options, spoolDir, earlier.signal, warn) : undefined;
  const stay = atExit(leave);

  let sent = 0;
  let dropped = 0;
  let batchTimer: NodeJS.Timeout | undefined;
  let finish: UploadFinishInit | undefined;
  let closing: Promise<SessionSummary> | undefined;

  function drop(count: number, reason: string) {
    dropped += count;
    warn("dropped", `results are lost: ${reason}`);
  }

  function enqueue(written: WrittenResults | undefined) {
    if (written !== undefined) {
      clearTimeout(batchTimer);
      batchTimer = undefined;
      queue.add(written);
    }
    if (buffer.count > 0)
      batchTimer ??= setTimeout(flush, options.batchDelayMs ?? DELAY_MS).unref();
  }

  function flush() {
    enqueue(buffer.take());
  }

  /** The last moment of a process whose host did not wait for the close, or did not close: then the part stays unfinished. */
  function leave() {
    flush();
    if (delivery.isDone) closeSpool(false);
    else if (finish !== undefined) keepRest(finish);
    else {
      spill();
      closeSpool(queue.spooledCount > 0);
    }
  }

  function spill() {
    queue.spill();
    if (queue.inMemoryCount > 0) drop(queue.inMemoryCount, `${spoolDir} cannot take them`);
  }

  function closeSpool(keep: boolean): string | undefined {
    try {
      return spool.close(keep);
    } catch (error) {
      warn("spool", `${spoolDir}: ${(error as Error).message}`);
      return undefined;
    }
  }

  /** Keeps what is not acknowledged, and that the part is finished. Answers the file. */
  function keepRest(end: UploadFinishInit): string | undefined {
    spill();
    try {
      // The server's own time would be that of sending the file. Live it is left to the server: a part that is
      // reported again then has nothing that differs.
      const record = finishRecord({ ...end, finishTime: timestampFromMs(Date.now()) });
      if (spool.append(record) === undefined) warn("spool", `${spoolDir} is full`);
    } catch (error) {
      warn("spool", `${spoolDir}: ${(error as Error).message}`);
    }
    return closeSpool(true);
  }

  async function close(given: CloseOptions): Promise<SessionSummary> {
    flush();
    const { status, expectedCount = sent } = given;
    finish = {
      ...(status === undefined ? {} : { status }),
      expectedResultCount: BigInt(Number.isSafeInteger(expectedCount) ? expectedCount : sent),
    };
    await delivery.finish(finish, given);
    await delivery.stop();
    const { isDone, acknowledgedCount, counts, error } = delivery;
    const spoolFile = isDone ? closeSpool(false) : keepRest(finish);
    if (isDone && sendingEarlier !== undefined) await within(EARLIER_MS, sendingEarlier);
    earlier.abort();
    stay();
    return {
      runId: counts.runId,
      sent,
      acknowledged: acknowledgedCount,
      duplicate: counts.duplicateCount,
      conflict: counts.conflictCount,
      rejected: counts.rejectedCount,
      rejections: counts.rejections,
      runConflict: counts.runConflict,
      otherProducers: counts.otherProducers,
      spooled: queue.spooledCount,
      ...(spoolFile === undefined ? {} : { spoolFile }),
      dropped,
      ...(error === undefined ? {} : { error }),
    };
  }

  const session: RunSession = {
    add(result: TestResultInit) {
      if (closing !== undefined) {
        warn("late", "a result came after the session was closed");
        return;
      }
      sent++;
      try {
        enqueue(buffer.add(result));
      } catch (error) {
        drop(1, `what was added is no result: ${(error as Error).message}`);
      }
    },
    close(given = {}) {
      closing ??= close(given);
      return closing;
    },
    async [Symbol.asyncDispose]() {
      await session.close();
    },
  };
  return session;
}

/** Delivers what earlier sessions left; what cannot be sent now stays. */
async function sendEarlier(
  { client }: RunSessionOptions,
  dir: string,
  signal: AbortSignal,
  warn: Warn,
): Promise<void> {
  try {
    for (const { outcome, path, error } of await sendSpool({ client, dir, signal })) {
      if (outcome !== "failed") continue;
      warn(
        "spool",
        `an earlier run cannot be sent, see ${path}: ${ConnectError.from(error).message}`,
      );
    }
  } catch (error) {
    warn("spool", `${dir}: ${(error as Error).message}`);
  }
}

/** A run of which the server hears later began when its session did. */
function withStart(open: UploadOpen, openedAt: number): UploadOpen {
  if (open.run === undefined || open.run.startTime !== undefined) return open;
  return { ...open, run: { ...open.run, startTime: timestampFromMs(openedAt) } };
}

const MAX_MEMORY_BYTES = 32 * 1024 * 1024;
const MAX_SPOOL_BYTES = 1024 * 1024 * 1024;
const DELAY_MS = 250;
const AWAY_AFTER_MS = 10_000;
/** A stream that is paused does not hold the process. */
const PAUSE_MS = 500;
/** How long a close waits for what earlier sessions left. */
const EARLIER_MS = 2_000;
