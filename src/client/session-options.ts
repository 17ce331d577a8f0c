/** What a session takes and answers. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { RejectedItem } from "../../gen/tally/v1/rejection_pb.js";
import type { PartSchema, RunSchema, Status } from "../../gen/tally/v1/run_pb.js";
import type { TallyClient } from "./client.js";
import type { TestResultInit } from "./fit-result.js";
import type { BatchLimits } from "./result-buffer.js";

/** The folder of spool files where none is given, in the working folder. */
export const DEFAULT_SPOOL_DIR = ".tally/spool";

export interface RunSessionOptions extends BatchLimits {
  /** Stays open when the session is closed; until it is closed too, a connection that it makes may hold the process. */
  readonly client: TallyClient;
  readonly run: MessageInitShape<typeof RunSchema>;
  /** The producer; default the only one. Of one part there is one session at a time. */
  readonly part?: MessageInitShape<typeof PartSchema>;
  /** Needed for an admin token alone. */
  readonly projectId?: string;
  /** How long a result waits for others to be sent with it, in milliseconds; default 250. */
  readonly batchDelayMs?: number;
  /** Of batches in memory that are not acknowledged; those beyond it are spooled. Default 32 MiB. */
  readonly maxMemoryBytes?: number;
  /** Where what cannot be delivered is kept. Default `.tally/spool`. */
  readonly spoolDir?: string;
  /** Of all files in that folder; results beyond it are dropped, and counted. Default 1 GiB. */
  readonly maxSpoolBytes?: number;
  /** `send` delivers in the background what earlier sessions left in the folder; default `keep`. */
  readonly spool?: "keep" | "send";
  /** How long the server may be silent before everything goes to the disk, in milliseconds; default 10,000. */
  readonly awayAfterMs?: number;
  /** Told once of each kind of trouble. Default: a line on standard error. */
  readonly onWarning?: (warning: SessionWarning) => void;
  /** Spreads the waits before resuming; default Math.random. */
  readonly random?: () => number;
}

export interface SessionWarning {
  /**
   * `away`: the server does not answer, what comes is spooled. `refused`: it refuses the run or the token, the same.
   * `dropped`: results are lost, because neither memory nor disk has room or because they are no results. `late`: a
   * result was added after the close. `spool`: earlier files cannot be sent.
   */
  readonly kind: "away" | "refused" | "dropped" | "late" | "spool";
  readonly message: string;
}

export interface CloseOptions {
  /** How long to wait for acknowledgements, in milliseconds; what is left is spooled then. Default 10,000. */
  readonly deadlineMs?: number;
  /**
   * How long the server may be silent meanwhile, in milliseconds; default 5,000. Where it cannot be reached at all, the
   * close gives up after 1,000. With a `deadlineMs` alone it waits for all of that.
   */
  readonly patienceMs?: number;
  /** Of the part; default derived from its results. */
  readonly status?: Status;
  /** How many results the part has; default as many as were added. */
  readonly expectedCount?: number;
}

/** What became of a session. `sent` is `acknowledged + spooled + dropped`. */
export interface SessionSummary {
  readonly runId: string;
  /** Results that were added. */
  readonly sent: number;
  /** Stored, known before, or refused and kept by the server. */
  readonly acknowledged: number;
  /** Of these, stored before: also what was sent again because its acknowledgement was lost. */
  readonly duplicate: number;
  /** Of these, refused because another content is stored under their id. */
  readonly conflict: number;
  /** Of these, refused for other reasons. */
  readonly rejected: number;
  /** Conflicts and refusals, the first 100. `index` counts the results of the session from 0. */
  readonly rejections: readonly RejectedItem[];
  /** Fields of the run or part whose stored value differs; the stored one stays. Labels that found no room, too. */
  readonly runConflict: readonly string[];
  /** Of the same job, attempt and shard: what several report may be counted twice. */
  readonly otherProducers: readonly string[];
  /** Kept on disk, to be sent later. */
  readonly spooled: number;
  /** Where; absent if everything was acknowledged, also that the part is finished. */
  readonly spoolFile?: string;
  /** Lost. */
  readonly dropped: number;
  /** Why not everything was acknowledged: the last error of a call, or of the disk. */
  readonly error?: unknown;
}

export interface RunSession extends AsyncDisposable {
  /**
   * Takes a result as it is now. Returns at once and never throws. What is wrong with it the server says: it keeps
   * what it refuses.
   */
  add(result: TestResultInit): void;
  /**
   * Sends what is left, finishes the part, and answers what became of everything. Never rejects. Called again, it
   * answers the same.
   */
  close(options?: CloseOptions): Promise<SessionSummary>;
}
