/** The options that select stored events. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { type Command, Option } from "commander";
import type { EventState } from "../../gen/tally/v1/event_pb.js";
import type { EventFilterSchema } from "../../gen/tally/v1/event_service_pb.js";
import { eventStateArgument, timeArgument } from "./arguments.js";

/** What the options say. */
export interface EventFilterOptions {
  readonly client?: string;
  readonly metric?: string;
  readonly state?: EventState;
  readonly from?: Timestamp;
  readonly to?: Timestamp;
  readonly receivedFrom?: Timestamp;
  readonly receivedTo?: Timestamp;
  readonly warned?: true;
  readonly unwarned?: true;
}

/** Adds the options. */
export function addFilterOptions(command: Command): Command {
  return command
    .option("--client <name>", "only of this client")
    .option("--metric <name>", "only of this metric")
    .option("--state <state>", "only queued or only processed ones", eventStateArgument)
    .option("--from <time>", "only those that happened at or after this time", timeArgument)
    .option("--to <time>", "only those that happened before this time", timeArgument)
    .option("--received-from <time>", "only those received at or after this time", timeArgument)
    .option("--received-to <time>", "only those received before this time", timeArgument)
    .addOption(new Option("--warned", "only those with warnings").conflicts("unwarned"))
    .option("--unwarned", "only those without warnings");
}

/** The filter that the options describe. */
export function eventFilter(
  options: EventFilterOptions,
): MessageInitShape<typeof EventFilterSchema> {
  const { client = "", metric = "", state, from, to, receivedFrom, receivedTo } = options;
  return {
    client,
    metric,
    ...(state === undefined ? {} : { state }),
    ...(from === undefined ? {} : { occurredStartTime: from }),
    ...(to === undefined ? {} : { occurredEndTime: to }),
    ...(receivedFrom === undefined ? {} : { receivedStartTime: receivedFrom }),
    ...(receivedTo === undefined ? {} : { receivedEndTime: receivedTo }),
    ...(options.warned ? { hasWarnings: true } : {}),
    ...(options.unwarned ? { hasWarnings: false } : {}),
  };
}
