/** AggregateEvents: counts and amounts of processed events by groups, filled with zeros where grouped by time. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  type AggregateEventsRequest,
  type EventAggregateSchema,
  EventGroup,
  type EventService,
} from "../../../gen/tally/v1/event_service_pb.js";
import {
  type AggregateGroups,
  aggregateEvents as aggregateStored,
  type EventAggregate,
} from "../../db/event-aggregates.js";
import { invalidArgument, type Violation } from "../../errors.js";
import { countPeriods, fillPeriods, type Period, type PeriodRow } from "../../events/periods.js";
import { checkName, checkTime, toMicros } from "../../ingest/rules.js";
import { limits } from "../../limits.js";
import { fromDbError } from "../database-error.js";
import type { Handler } from "../handler.js";
import { timestamp } from "../run-message.js";
import type { EventReadDeps } from "./event-read-deps.js";

/** The handler of AggregateEvents. */
export function aggregateEvents(
  deps: EventReadDeps,
): Handler<typeof EventService.method.aggregateEvents> {
  return async (request, context) => {
    const { projectKey } = await deps.resolveProject(request.projectId, context);
    check(request);
    const { client, metric, startTime, endTime } = request;
    const window = {
      startUs: startTime === undefined ? null : toMicros(startTime),
      endUs: endTime === undefined ? null : toMicros(endTime),
    };
    const groups = toGroups(request.groupBy);
    if (
      groups.period !== null &&
      (countPeriods(groups.period, window) ?? 0) > limits.aggregateRows
    ) {
      throw tooManyRows();
    }
    const { deadlineAt } = context;
    try {
      const rows = await aggregateStored(
        deps.db,
        projectKey,
        { client, metric, ...window },
        groups,
        limits.aggregateRows + 1,
        deadlineAt,
      );
      const filled = groups.period === null ? rows : fill(rows, groups.period, groups, window);
      if (filled === null || filled.length > limits.aggregateRows) throw tooManyRows();
      return { rows: filled.map(aggregateMessage) };
    } catch (error) {
      throw fromDbError(error, deadlineAt);
    }
  };
}

/** Throws INVALID_ARGUMENT with all that is wrong. */
function check({ client, metric, startTime, endTime, groupBy }: AggregateEventsRequest): void {
  const violations: Violation[] = [];
  checkName(violations, "client", client, limits.nameBytes);
  checkName(violations, "metric", metric, limits.nameBytes);
  checkTime(violations, "start_time", startTime);
  checkTime(violations, "end_time", endTime);
  if (startTime !== undefined && endTime !== undefined && toMicros(endTime) < toMicros(startTime)) {
    violations.push({ field: "end_time", description: "lies before start_time" });
  }
  for (const [i, group] of groupBy.entries()) {
    const field = `group_by[${i}]`;
    if (group === EventGroup.UNSPECIFIED || EventGroup[group] === undefined) {
      violations.push({ field, description: `${group} is no group` });
    } else if (groupBy.indexOf(group) < i) {
      violations.push({ field, description: `${EventGroup[group]} is given twice` });
    }
  }
  const periods = new Set(groupBy.filter((group) => PERIODS.has(group)));
  if (periods.size > 1) {
    violations.push({ field: "group_by", description: "has more than one of hour, day and week" });
  }
  if (violations.length > 0) throw invalidArgument(violations);
}

const PERIODS: ReadonlyMap<EventGroup, Period> = new Map([
  [EventGroup.HOUR, "hour"],
  [EventGroup.DAY, "day"],
  [EventGroup.WEEK, "week"],
]);

function toGroups(groupBy: readonly EventGroup[]): AggregateGroups {
  const period = groupBy.find((group) => PERIODS.has(group));
  return {
    client: groupBy.includes(EventGroup.CLIENT),
    metric: groupBy.includes(EventGroup.METRIC),
    period: period === undefined ? null : (PERIODS.get(period) ?? null),
  };
}

/** The rows with those of zeros; null where they are too many. */
function fill(
  rows: readonly EventAggregate[],
  period: Period,
  groups: AggregateGroups,
  window: { readonly startUs: number | null; readonly endUs: number | null },
): EventAggregate[] | null {
  if (rows.length > limits.aggregateRows) return null;
  const known = rows.map((row) => ({ ...row, periodUs: row.periodUs ?? 0 }));
  const isGrouped = groups.client || groups.metric;
  return fillPeriods(known, period, window, isGrouped, limits.aggregateRows, zeroRow);
}

function zeroRow(row: PeriodRow): EventAggregate & PeriodRow {
  return { ...row, count: 0, sum: "0", min: "", max: "", avg: "", p50: "", p95: "", p99: "" };
}

function aggregateMessage(row: EventAggregate): MessageInitShape<typeof EventAggregateSchema> {
  const { periodUs, count, ...rest } = row;
  return {
    count: BigInt(count),
    ...(periodUs === null ? {} : { periodStartTime: timestamp(periodUs) }),
    ...rest,
  };
}

function tooManyRows() {
  const description = `needs more than ${limits.aggregateRows} rows`;
  return invalidArgument([{ field: "group_by", description }]);
}
