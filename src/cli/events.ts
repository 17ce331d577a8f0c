/** `tally events`: send, list, failed, retry and export. */
import { type Timestamp, timestampDate } from "@bufbuild/protobuf/wkt";
import type { Command } from "commander";
import { type Event, EventState } from "../../gen/tally/v1/event_pb.js";
import { ListEventsResponseSchema } from "../../gen/tally/v1/event_service_pb.js";
import {
  type Rejection,
  RejectionKind,
  RejectionReason,
  RejectionState,
} from "../../gen/tally/v1/rejection_pb.js";
import { ListRejectionsResponseSchema } from "../../gen/tally/v1/rejection_service_pb.js";
import type { Act } from "./act.js";
import { countArgument } from "./arguments.js";
import { addFilterOptions, type EventFilterOptions, eventFilter } from "./event-filter.js";
import { addExportCommand } from "./events-export.js";
import { addRetryCommand } from "./events-retry.js";
import { addSendCommand } from "./events-send.js";
import { exitCodes } from "./outcome.js";
import { listRejections } from "./rejection-list.js";
import { table } from "./table.js";

/** Adds the commands. */
export function addEventCommands(program: Command, act: Act): void {
  const events = program.command("events").description("events of loose JSON");
  addSendCommand(events, act);
  addListCommand(events, act);
  addFailedCommand(events, act);
  addRetryCommand(events, act);
  addExportCommand(events, act);
}

function addListCommand(events: Command, act: Act): void {
  const command = events.command("list").description("list stored events, newest received first");
  addFilterOptions(command)
    .option("--limit <n>", "how many, up to 1000", countArgument, 50)
    .action(
      act(async (context, _, options: EventFilterOptions & { limit: number }) => {
        const answer = await context.client.events.listEvents({
          projectId: context.projectId,
          filter: eventFilter(options),
          pageSize: options.limit,
        });
        context.print(ListEventsResponseSchema, answer, () =>
          answer.events.length === 0
            ? "no such event is stored"
            : table(answer.events.map(eventRow)),
        );
        return exitCodes.ok;
      }),
    );
}

function addFailedCommand(events: Command, act: Act): void {
  events
    .command("failed")
    .description("list refused events that nobody has dealt with, newest first")
    .option("--client <name>", "only of this client")
    .option("--all", "also those that are closed")
    .option("--limit <n>", "how many, up to 1000", countArgument, 50)
    .action(
      act(async (context, _, { client = "", all = false, limit }: FailedOptions) => {
        const state = all ? RejectionState.UNSPECIFIED : RejectionState.OPEN;
        const filter = { kind: RejectionKind.EVENT, state, client };
        const answer = await listRejections(context, filter, limit);
        context.print(ListRejectionsResponseSchema, answer, () =>
          answer.rejections.length === 0
            ? "no such refusal is kept"
            : table(answer.rejections.map(failedRow)),
        );
        return exitCodes.ok;
      }),
    );
}

interface FailedOptions {
  readonly client?: string;
  readonly all?: boolean;
  readonly limit: number;
}

function eventRow(event: Event): Record<string, string> {
  return {
    event_id: event.eventId,
    state: EventState[event.state] ?? "?",
    client: event.client,
    metric: event.metric,
    amount: event.amount,
    occurred: timeText(event.occurredTime),
    path: event.path,
    user_id: event.userId,
    received: timeText(event.receivedTime),
    warnings: `${event.warnings.length}${event.warningsTruncated ? "+" : ""}`,
  };
}

function failedRow(rejection: Rejection): Record<string, string> {
  return {
    rejection_id: rejection.rejectionId,
    reason: RejectionReason[rejection.reason] ?? "?",
    state: RejectionState[rejection.state] ?? "?",
    client: rejection.client || "-",
    times: String(rejection.repeatCount),
    last: timeText(rejection.lastTime),
    why: rejection.fieldViolations.map((v) => `${v.field} ${v.description}`.trim()).join("; "),
  };
}

function timeText(time: Timestamp | undefined): string {
  return time === undefined ? "" : timestampDate(time).toISOString();
}
