import { useQuery } from "@connectrpc/connect-query";
import { TenancyService } from "../../../../gen/tally/v1/tenancy_service_pb.js";
import { formatBytes } from "../../format/bytes.js";
import { formatCount, plural } from "../../format/numbers.js";
import { Facts } from "../../ui/facts.js";
import { QueryView } from "../../ui/query-view.js";
import { When } from "../../ui/when.js";
import type { ProjectPageProps } from "../project-page.js";

/** What the project keeps, how much of the disk it takes, and when the oldest of it leaves. */
export function RetentionReport({ projectId }: ProjectPageProps) {
  const query = useQuery(TenancyService.method.getRetentionReport, { projectId });
  return (
    <QueryView query={query} rows={4}>
      {(report) => (
        <div className="split">
          <div className="card">
            <Facts
              facts={[
                ["Results", formatCount(report.resultCount)],
                ["Of runs", formatCount(report.runCount)],
                ["Disk, estimated", formatBytes(report.estimatedResultBytes)],
                ["Oldest run", report.oldestRunTime && <When time={report.oldestRunTime} />],
                ["Kept for", daysText(report.retentionDays)],
                ["Oldest leaves", report.nextDropTime && <When time={report.nextDropTime} />],
                ["Open rejections", formatBytes(report.keptRefusalBytes)],
              ]}
            />
          </div>
          <div className="card">
            <Facts
              facts={[
                ["Events", formatCount(report.eventCount)],
                ["Disk, estimated", formatBytes(report.estimatedEventBytes)],
                ["Oldest event", report.oldestEventTime && <When time={report.oldestEventTime} />],
                ["Kept for", daysText(report.eventRetentionDays)],
                [
                  "Oldest leaves",
                  report.nextEventDropTime && <When time={report.nextEventDropTime} />,
                ],
                [
                  "Remembered without content",
                  report.droppedEventCount > 0n && formatCount(report.droppedEventCount),
                ],
              ]}
            />
          </div>
        </div>
      )}
    </QueryView>
  );
}

function daysText(days: number): string {
  return days === 0 ? "ever" : plural(days, "day");
}
