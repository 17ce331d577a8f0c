/** Which rejections are listed, as the address says it. */
import { create } from "@bufbuild/protobuf";
import {
  RejectionKind,
  RejectionReason,
  RejectionState,
} from "../../../../gen/tally/v1/rejection_pb.js";
import {
  type RejectionFilter,
  RejectionFilterSchema,
} from "../../../../gen/tally/v1/rejection_service_pb.js";
import { dayEnd, dayStart } from "../../format/day-range.js";
import { byName } from "../../ui/rejection-words.js";

/** The filter of these parameters. Without `state` the open ones are meant; `all` means every state. */
export function rejectionFilter(params: URLSearchParams): RejectionFilter {
  const text = (name: string) => params.get(name) ?? "";
  const filter = create(RejectionFilterSchema, {
    kind: byName(RejectionKind, text("kind")) ?? RejectionKind.UNSPECIFIED,
    reason: byName(RejectionReason, text("reason")) ?? RejectionReason.UNSPECIFIED,
    state:
      text("state") === "all"
        ? RejectionState.UNSPECIFIED
        : (byName(RejectionState, text("state")) ?? RejectionState.OPEN),
    client: text("client"),
    runId: text("run"),
  });
  const startTime = dayStart(text("from"));
  const endTime = dayEnd(text("to"));
  if (startTime !== undefined) filter.startTime = startTime;
  if (endTime !== undefined) filter.endTime = endTime;
  return filter;
}

/** The names of the parameters. */
export const REJECTION_PARAMS = ["kind", "reason", "state", "client", "run", "from", "to"] as const;
