/** GetIngestStats: what was sent within a window and what became of it, and what is still open. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  GetIngestStatsRequest,
  IngestCountsSchema,
  StatsService,
} from "../../../gen/tally/v1/stats_service_pb.js";
import { type IngestTotals, readIngestState } from "../../db/ingest-stats.js";
import { invalidArgument, type Violation } from "../../errors.js";
import { checkTime, toMicros } from "../../ingest/rules.js";
import { limits } from "../../limits.js";
import { fromDbError } from "../database-error.js";
import type { Handler } from "../handler.js";
import { timestamp } from "../run-message.js";
import type { StatsDeps } from "./stats-deps.js";

const DAY_US = 24 * 3_600_000_000;

/** The handler of GetIngestStats. */
export function getIngestStats(
  deps: StatsDeps,
): Handler<typeof StatsService.method.getIngestStats> {
  return async (request, context) => {
    const { projectKey } = await deps.resolveProject(request.projectId, context);
    const window = toWindow(request);
    const { deadlineAt } = context;
    const state = await readIngestState(
      deps.db,
      projectKey,
      window,
      limits.ingestStatsRows + 1,
      deadlineAt,
    ).catch((error: unknown) => {
      throw fromDbError(error, deadlineAt);
    });
    // What was left open, the database's clock has filled in.
    checkWindow(state.startUs, state.endUs);
    const { inboxOldestUs } = state;
    return {
      counts: state.totals.slice(0, limits.ingestStatsRows).map(countsMessage),
      countsTruncated: state.totals.length > limits.ingestStatsRows,
      openRejections: state.open.map((row) => ({ ...row, count: BigInt(row.count) })),
      inboxDepth: BigInt(state.inboxDepth),
      ...(inboxOldestUs === null ? {} : { inboxOldestTime: timestamp(inboxOldestUs) }),
      startTime: timestamp(state.startUs),
      endTime: timestamp(state.endUs),
    };
  };
}

function toWindow({ startTime, endTime }: GetIngestStatsRequest) {
  const violations: Violation[] = [];
  checkTime(violations, "start_time", startTime);
  checkTime(violations, "end_time", endTime);
  if (violations.length > 0) throw invalidArgument(violations);
  const startUs = startTime === undefined ? null : toMicros(startTime);
  const endUs = endTime === undefined ? null : toMicros(endTime);
  if (startUs !== null && endUs !== null) checkWindow(startUs, endUs);
  return { startUs, endUs, maxDays: limits.ingestStatsDays };
}

function checkWindow(startUs: number, endUs: number): void {
  if (startUs > endUs) {
    throw invalidArgument([{ field: "start_time", description: "lies after the end" }]);
  }
  if (endUs - startUs > limits.ingestStatsDays * DAY_US) {
    const description = `lies more than ${limits.ingestStatsDays} days before the end`;
    throw invalidArgument([{ field: "start_time", description }]);
  }
}

function countsMessage(totals: IngestTotals): MessageInitShape<typeof IngestCountsSchema> {
  const { kind, client, accepted, duplicates, conflicts, rejected, queued } = totals;
  const received = accepted + duplicates + conflicts + rejected + queued;
  return {
    kind,
    client,
    receivedCount: BigInt(received),
    acceptedCount: BigInt(accepted),
    duplicateCount: BigInt(duplicates),
    conflictCount: BigInt(conflicts),
    rejectedCount: BigInt(rejected),
    queuedCount: BigInt(queued),
    acceptedRate: (accepted + queued) / received,
    duplicateRate: duplicates / received,
    refusedRate: (conflicts + rejected) / received,
  };
}
