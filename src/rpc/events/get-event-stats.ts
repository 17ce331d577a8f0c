/** GetEventStats: views, users and top paths of a client, of a day or of all time. */
import type { EventService } from "../../../gen/tally/v1/event_service_pb.js";
import { readEventStats } from "../../db/event-stats.js";
import { invalidArgument, type Violation } from "../../errors.js";
import { checkName } from "../../ingest/rules.js";
import { limits } from "../../limits.js";
import { quote } from "../../text.js";
import { fromDbError } from "../database-error.js";
import type { Handler } from "../handler.js";
import type { EventReadDeps } from "./event-read-deps.js";

const DEFAULT_METRIC = "page_view";
const ALL_TIME = "all-time";

/** The handler of GetEventStats. */
export function getEventStats(
  deps: EventReadDeps,
): Handler<typeof EventService.method.getEventStats> {
  return async (request, context) => {
    const { client, date, topPathsLimit } = request;
    const metric = request.metric === "" ? DEFAULT_METRIC : request.metric;
    const { projectKey } = await deps.resolveProject(request.projectId, context);
    const violations: Violation[] = [];
    checkName(violations, "client", client, limits.nameBytes, true);
    checkName(violations, "metric", metric, limits.nameBytes);
    if (date !== "" && !isDay(date)) {
      const description = `${quote(date)} is no day such as 2025-11-12`;
      violations.push({ field: "date", description });
    }
    if (topPathsLimit < 0) {
      violations.push({ field: "top_paths_limit", description: `${topPathsLimit} is negative` });
    }
    if (violations.length > 0) throw invalidArgument(violations);
    const { deadlineAt } = context;
    try {
      const stats = await readEventStats(
        deps.db,
        projectKey,
        { client, metric },
        date === "" ? null : date,
        topPathsLimit === 0 ? limits.topPathsDefault : Math.min(topPathsLimit, limits.topPathsMax),
        deadlineAt,
      );
      return {
        client,
        metric,
        date: date === "" ? ALL_TIME : date,
        found: stats.views > 0,
        totalViews: BigInt(stats.views),
        uniqueUsers: BigInt(stats.users),
        topPaths: stats.topPaths.map(({ path, views }) => ({ path, views: BigInt(views) })),
      };
    } catch (error) {
      throw fromDbError(error, deadlineAt);
    }
  };
}

/** Whether a text is a day of the calendar, from year 1 on. */
function isDay(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text) || text.startsWith("0000")) return false;
  const time = new Date(`${text}T00:00:00Z`);
  // 30 February is read as a day in March.
  return !Number.isNaN(time.getTime()) && time.toISOString().startsWith(text);
}
