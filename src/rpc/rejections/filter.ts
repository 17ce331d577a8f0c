/** The filter of rejections, from the contract to the database. */
import {
  RejectionKind,
  RejectionReason,
  RejectionState,
} from "../../../gen/tally/v1/rejection_pb.js";
import type { RejectionFilter as FilterMessage } from "../../../gen/tally/v1/rejection_service_pb.js";
import { REJECTION_STATES, type RejectionFilter } from "../../db/rejections.js";
import { invalidArgument, type Violation } from "../../errors.js";
import { checkName, checkTime, toMicros } from "../../ingest/rules.js";
import { limits } from "../../limits.js";
import { checkEntryCount } from "../check-count.js";

/** The filter; absent matches all. Throws INVALID_ARGUMENT for values that nothing can match. */
export function toFilter(message: FilterMessage | undefined): RejectionFilter {
  const violations: Violation[] = [];
  const checkEnum = (field: string, values: Record<number, string>, value: number) => {
    if (values[value] === undefined) {
      violations.push({ field: `filter.${field}`, description: `${value} is not known` });
    }
  };
  checkEnum("kind", RejectionKind, message?.kind ?? 0);
  checkEnum("reason", RejectionReason, message?.reason ?? 0);
  checkEnum("state", RejectionState, message?.state ?? 0);
  checkName(violations, "filter.client", message?.client ?? "", limits.nameBytes);
  checkName(violations, "filter.run_id", message?.runId ?? "", limits.runIdBytes);
  checkTime(violations, "filter.start_time", message?.startTime);
  checkTime(violations, "filter.end_time", message?.endTime);
  if (violations.length > 0) throw invalidArgument(violations);
  return {
    kind: message?.kind ?? 0,
    reason: message?.reason ?? 0,
    state: message?.state ?? 0,
    client: message?.client ?? "",
    runId: message?.runId ?? "",
    startUs: message?.startTime === undefined ? null : toMicros(message.startTime),
    endUs: message?.endTime === undefined ? null : toMicros(message.endTime),
  };
}

/** The same filter over open rejections alone. Null where it asks for closed ones: nothing matches. */
export function openOnly(filter: RejectionFilter): RejectionFilter | null {
  if (filter.state !== 0 && filter.state !== REJECTION_STATES.open) return null;
  return { ...filter, state: REJECTION_STATES.open };
}

/** Refuses neither or both of ids and filter, and more ids than a call takes. */
export function checkSelection(field: string, count: number, hasFilter: boolean): void {
  checkEntryCount(field, count);
  if (count > 0 === hasFilter) {
    throw invalidArgument([{ field, description: `give either ${field} or filter` }]);
  }
}

/** Whether a text has the form of a rejection id: 32 hex digits. */
export function isRejectionId(id: string): boolean {
  return /^[0-9a-f]{32}$/.test(id);
}
