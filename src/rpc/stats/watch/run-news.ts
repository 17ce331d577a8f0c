/** What watchers are told of a run: how it is now, and what failed since they were told last. */
import { createHash } from "node:crypto";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { type Run, RunSchema } from "../../../../gen/tally/v1/run_pb.js";
import { type StoredResult, StoredResultSchema } from "../../../../gen/tally/v1/stats_pb.js";
import { ResultView } from "../../../../gen/tally/v1/stats_service_pb.js";
import type { RunFailures } from "../../../db/run-failures.js";
import type { RunRecord } from "../../../db/run-records.js";
import { deriveRun } from "../../../ingest/run-state.js";
import { runMessage } from "../../run-message.js";
import { storedResultMessage } from "../stored-result-message.js";

/** A failure with its size on the wire. */
export interface ToldFailure {
  readonly message: StoredResult;
  readonly bytes: number;
}

export interface RunNews {
  readonly runKey: string;
  readonly run: Run;
  readonly bytes: number;
  /** Equal for runs of which the same would be told, failures apart. */
  readonly digest: string;
  readonly deleted: boolean;
  readonly failures: readonly ToldFailure[];
  readonly truncated: boolean;
}

/** The news of a run as its record and its new failures have it. */
export function runNews(
  projectId: string,
  record: RunRecord,
  { failures, truncated }: RunFailures,
): RunNews {
  const news = newsOf(record.runKey, runMessage(projectId, record, deriveRun(record)), false);
  return { ...news, failures: failures.map(toldFailure), truncated };
}

/** The news that a run is deleted. */
export function deletedNews(runKey: string, runId: string): RunNews {
  return newsOf(runKey, { runId }, true);
}

function newsOf(
  runKey: string,
  init: MessageInitShape<typeof RunSchema>,
  deleted: boolean,
): RunNews {
  const run = create(RunSchema, init);
  const bytes = toBinary(RunSchema, run);
  const digest = createHash("sha256").update(bytes).digest("base64");
  return { runKey, run, bytes: bytes.length, digest, deleted, failures: [], truncated: false };
}

function toldFailure(stored: Parameters<typeof storedResultMessage>[0]): ToldFailure {
  const message = create(StoredResultSchema, storedResultMessage(stored, ResultView.BASIC));
  return { message, bytes: toBinary(StoredResultSchema, message).length };
}
