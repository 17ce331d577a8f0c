/** GetRetentionReport: what a project keeps now. */
import type { TenancyService } from "../../../gen/tally/v1/tenancy_service_pb.js";
import { readRetainedEvents } from "../../db/retained-events.js";
import { readRetentionReport } from "../../db/retention.js";
import { notFound } from "../../errors.js";
import { limits } from "../../limits.js";
import type { Handler } from "../handler.js";
import { timestamp } from "../run-message.js";
import { attempt, type TenancyDeps } from "./tenancy-deps.js";

/** The handler of GetRetentionReport. */
export function getRetentionReport(
  deps: TenancyDeps,
): Handler<typeof TenancyService.method.getRetentionReport> {
  return async (request, context) => {
    const { projectKey, projectId } = await deps.resolveProject(request.projectId, context);
    const { deadlineAt } = context;
    const report = await attempt(deps, context, () =>
      readRetentionReport(deps.db, projectKey, deadlineAt),
    );
    const events = await attempt(deps, context, () =>
      readRetainedEvents(deps.db, projectKey, limits.eventsCounted, deadlineAt),
    );
    if (report === null || events === null) throw notFound("project", projectId);
    const { oldestRunUs, nextDropUs } = report;
    return {
      retentionDays: report.retentionDays,
      ...(oldestRunUs === null ? {} : { oldestRunTime: timestamp(oldestRunUs) }),
      runCount: BigInt(report.runCount),
      resultCount: BigInt(report.resultCount),
      estimatedResultBytes: BigInt(report.resultBytes),
      keptRefusalBytes: BigInt(report.keptRefusalBytes),
      ...(nextDropUs === null ? {} : { nextDropTime: timestamp(nextDropUs) }),
      eventRetentionDays: events.retentionDays,
      ...(events.oldestUs === null ? {} : { oldestEventTime: timestamp(events.oldestUs) }),
      eventCount: BigInt(events.count),
      estimatedEventBytes: BigInt(events.bytes),
      ...(events.nextDropUs === null ? {} : { nextEventDropTime: timestamp(events.nextDropUs) }),
      droppedEventCount: BigInt(events.droppedCount),
    };
  };
}
