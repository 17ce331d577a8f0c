/** Sends what earlier sessions could not deliver. */
import { Code, ConnectError } from "@connectrpc/connect";
import { type BatchSource, createNumbering } from "./batches.js";
import type { TallyClient } from "./client.js";
import type { UploadFinishInit } from "./frames.js";
import { createPatience } from "./patience.js";
import { createBackoffWait, isCut, publish } from "./publish.js";
import { listSpoolFiles, type SpoolEntry, type TakenFile, takeSpoolFile } from "./spool-folder.js";
import { openSpoolFile, type SpoolReader } from "./spool-reader.js";
import { createUploadState, type UploadCounts } from "./upload-state.js";

export interface SendSpoolOptions {
  readonly client: Pick<TallyClient, "ingest" | "protocol" | "origin" | "tokenId">;
  /** The folder. */
  readonly dir: string;
  /**
   * `same`, the default: only files that were written for the server and the token of the client, so that nothing
   * comes to a wrong project. `any`: all of them, for a server that has moved or a token that was renewed.
   */
  readonly which?: "same" | "any";
  /** How long an answer is waited for, in milliseconds; by default for ever. */
  readonly patienceMs?: number;
  /** Ends it; the file that is being sent waits again. */
  readonly signal?: AbortSignal;
}

/** What became of a file: of its results by the counts, of which `index` in `rejections` counts over the file. */
export interface SpoolFileOutcome
  extends Pick<
    UploadCounts,
    | "sentCount"
    | "acceptedCount"
    | "duplicateCount"
    | "conflictCount"
    | "rejectedCount"
    | "rejections"
  > {
  /** Where it is or was. */
  readonly path: string;
  /**
   * `sent`: all of it is acknowledged, and the file is gone. `failed`: the server refuses it for good, it is in
   * `failed` beside a note. `kept`: it could not be sent now. `in use`: another process writes or sends it.
   * `other`: it is for another server or token.
   */
  readonly outcome: "sent" | "failed" | "kept" | "in use" | "other";
  /** Absent where the file was not read. */
  readonly runId?: string;
  /** Bytes at its end that a crash had cut off; what they held is lost. */
  readonly tornBytes: number;
  /** Why it failed or is kept. */
  readonly error?: unknown;
}

/**
 * Sends the files of the folder, oldest first, one at a time, and removes each once everything in it is
 * acknowledged. Results are counted once however often they are sent. Stops at the first that cannot be sent now if the
 * next ones could not either; they are not among the answers. Any number of processes may do so at once.
 */
export async function sendSpool(options: SendSpoolOptions): Promise<SpoolFileOutcome[]> {
  const outcomes: SpoolFileOutcome[] = [];
  for (const entry of await listSpoolFiles(options.dir)) {
    if (entry.state === "failed") continue;
    const outcome = await sendEntry(entry, options);
    outcomes.push(outcome);
    if (stopsAll(outcome) || options.signal?.aborted) break;
  }
  return outcomes;
}

/** Whether the network, the server or the token is at fault, and not one file. */
function stopsAll({ outcome, error }: SpoolFileOutcome): boolean {
  return outcome === "kept" && !OF_ONE_FILE.has(ConnectError.from(error).code);
}

async function sendEntry(entry: SpoolEntry, options: SendSpoolOptions): Promise<SpoolFileOutcome> {
  using taken = entry.state === "waiting" ? await takeSpoolFile(options.dir, entry) : undefined;
  if (taken === undefined) return { ...NOTHING, path: entry.path, outcome: "in use" };
  let reader: SpoolReader;
  try {
    reader = await openSpoolFile(taken.path);
  } catch (error) {
    const path = await taken.fail(`It cannot be read: ${messageOf(error)}`);
    return { ...NOTHING, path, outcome: "failed", error };
  }
  await using _ = reader;
  const { path } = entry;
  const runId = reader.header.open.run?.runId ?? "";
  if (options.which !== "any" && !isFor(reader, options.client)) {
    await taken.release();
    return { ...NOTHING, path, runId, outcome: "other" };
  }
  return await sendFile(taken, reader, { ...options, path });
}

async function sendFile(
  taken: TakenFile,
  reader: SpoolReader,
  { client, path, ...options }: SendSpoolOptions & { path: string },
): Promise<SpoolFileOutcome> {
  using patience = createPatience(options.patienceMs, options.signal);
  const { signal } = patience;
  let finish: UploadFinishInit | undefined;
  const source = sourceOf(reader, (found) => {
    finish = found;
  });
  const upload = createUploadState({
    open: reader.header.open,
    source,
    finish: () => finish,
  });
  const outcomeOf = (outcome: SpoolFileOutcome["outcome"], error?: unknown): SpoolFileOutcome => {
    const { counts } = upload;
    return {
      path,
      outcome,
      runId: counts.runId,
      sentCount: counts.sentCount,
      acceptedCount: counts.acceptedCount,
      duplicateCount: counts.duplicateCount,
      conflictCount: counts.conflictCount,
      rejectedCount: counts.rejectedCount,
      rejections: counts.rejections,
      tornBytes: reader.tornBytes,
      ...(error === undefined ? {} : { error }),
    };
  };
  try {
    await publish(client, upload, {
      signal,
      resumes: (error, cuts) => isCut(error) && cuts <= MAX_CUTS,
      wait: createBackoffWait({ random: Math.random, signal }),
      onCut: patience.cut,
      onAnswer: patience.heard,
    });
    await taken.remove();
    return outcomeOf("sent");
  } catch (error) {
    if (FOR_GOOD.has(ConnectError.from(error).code)) {
      const failedPath = await taken.fail(`The server refuses it: ${messageOf(error)}`);
      return { ...outcomeOf("failed", error), path: failedPath };
    }
    await taken.release();
    return outcomeOf("kept", patience.error ?? error);
  } finally {
    upload.close();
  }
}

/** Whether the file was written for the server and the project of the client's token. */
function isFor({ header }: SpoolReader, client: SendSpoolOptions["client"]): boolean {
  return header.origin === client.origin && header.tokenId === client.tokenId;
}

/** The batches of the file; the finish is answered by the way. */
function sourceOf(reader: SpoolReader, onFinish: (finish: UploadFinishInit) => void): BatchSource {
  const records = reader.records();
  const number = createNumbering();
  return {
    async next() {
      for (;;) {
        const { value, done } = await records.next();
        if (done === true) return "end";
        if (value.kind === "batch") return number(value);
        onFinish(value.finish);
      }
    },
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const NOTHING = {
  sentCount: 0,
  acceptedCount: 0,
  duplicateCount: 0,
  conflictCount: 0,
  rejectedCount: 0,
  rejections: [],
  tornBytes: 0,
};
/** The run breaks a rule or takes nothing any more, or its project is not there. */
const FOR_GOOD: ReadonlySet<Code> = new Set([
  Code.InvalidArgument,
  Code.NotFound,
  Code.FailedPrecondition,
]);
/** What a server says that stumbles over a file, and what stands for an error in reading it. */
const OF_ONE_FILE: ReadonlySet<Code> = new Set([Code.Internal, Code.Unknown, Code.DataLoss]);
const MAX_CUTS = 5;
