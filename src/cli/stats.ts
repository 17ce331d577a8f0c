/** `tally stats`: what it adds up to. */
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import type { Command } from "commander";
import {
  type GetEventStatsResponse,
  GetEventStatsResponseSchema,
} from "../../gen/tally/v1/event_service_pb.js";
import { RejectionKind, RejectionReason } from "../../gen/tally/v1/rejection_pb.js";
import {
  type GetIngestStatsResponse,
  GetIngestStatsResponseSchema,
  IngestKind,
} from "../../gen/tally/v1/stats_service_pb.js";
import type { Act } from "./act.js";
import { countArgument, timeArgument } from "./arguments.js";
import { timeText } from "./figures.js";
import { exitCodes } from "./outcome.js";
import { addProjectStatsCommands } from "./project-stats.js";
import { table } from "./table.js";

/** Adds the commands. */
export function addStatsCommands(program: Command, act: Act): void {
  const stats = program.command("stats").description("how the tests of a project are doing");
  addProjectStatsCommands(stats, act);
  stats
    .command("events")
    .description("how often something happened, to how many users, and the top paths")
    .requiredOption("--client <name>", "whose events")
    .option("--metric <name>", "what is counted; page_view by default")
    .option("--date <day>", "a UTC day such as 2025-11-12; all time by default")
    .option("--top <n>", "how many paths, up to 100", countArgument, 10)
    .action(
      act(async (context, _, { client, metric = "", date = "", top }: EventStatsOptions) => {
        const { projectId } = context;
        const request = { projectId, client, metric, date, topPathsLimit: top };
        const answer = await context.client.events.getEventStats(request);
        context.print(GetEventStatsResponseSchema, answer, () => eventStatsText(answer));
        return exitCodes.ok;
      }),
    );
  stats
    .command("ingest")
    .description("what was sent, by whom, and what became of it; the last 24 hours by default")
    .option("--from <time>", "from this time", timeArgument)
    .option("--to <time>", "before this time", timeArgument)
    .action(
      act(async (context, _, { from, to }: { from?: Timestamp; to?: Timestamp }) => {
        const answer = await context.client.stats.getIngestStats({
          projectId: context.projectId,
          ...(from === undefined ? {} : { startTime: from }),
          ...(to === undefined ? {} : { endTime: to }),
        });
        context.print(GetIngestStatsResponseSchema, answer, () => ingestStatsText(answer));
        if (answer.countsTruncated) context.warn(`only ${answer.counts.length} senders are listed`);
        return exitCodes.ok;
      }),
    );
}

interface EventStatsOptions {
  readonly client: string;
  readonly metric?: string;
  readonly date?: string;
  readonly top: number;
}

function eventStatsText(stats: GetEventStatsResponse): string {
  const { client, metric, date, totalViews, uniqueUsers } = stats;
  const head = `${client}, ${metric}, ${date}: `;
  if (!stats.found) return `${head}no events`;
  const paths = stats.topPaths.map(({ path, views }) => ({ path, views: String(views) }));
  const lines = [`${head}${totalViews} events, ${uniqueUsers} users`];
  return paths.length === 0 ? lines.join("\n") : [...lines, "", table(paths)].join("\n");
}

function ingestStatsText(stats: GetIngestStatsResponse): string {
  const counts = stats.counts.map((each) => ({
    kind: IngestKind[each.kind] ?? "?",
    client: each.client || "-",
    received: String(each.receivedCount),
    accepted: String(each.acceptedCount),
    queued: String(each.queuedCount),
    duplicate: String(each.duplicateCount),
    conflict: String(each.conflictCount),
    rejected: String(each.rejectedCount),
  }));
  const open = stats.openRejections.map(({ kind, reason, count }) => ({
    "open rejections": String(count),
    kind: RejectionKind[kind] ?? "?",
    reason: RejectionReason[reason] ?? "?",
  }));
  const since =
    stats.inboxOldestTime === undefined
      ? ""
      : `, the oldest since ${timeText(stats.inboxOldestTime)}`;
  return [
    `${timeText(stats.startTime)} to ${timeText(stats.endTime)}`,
    ...(counts.length === 0 ? ["nothing was sent"] : [table(counts)]),
    ...(open.length === 0 ? ["no open rejections"] : [table(open)]),
    `${stats.inboxDepth} queued${since}`,
  ].join("\n\n");
}
