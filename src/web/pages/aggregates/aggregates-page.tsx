/** What events add up to, by groups. */
import { useQuery } from "@connectrpc/connect-query";
import { useMemo } from "react";
import { Link } from "wouter";
import { EventService } from "../../../../gen/tally/v1/event_service_pb.js";
import { dayEnd, dayStart } from "../../format/day-range.js";
import { paths } from "../../routes.js";
import { Choice } from "../../ui/choice.js";
import { DataTable } from "../../ui/data-table.js";
import { DayFilters } from "../../ui/day-filters.js";
import { Page, Section } from "../../ui/page.js";
import { TextParam } from "../../ui/param-filters.js";
import { Empty, QueryView } from "../../ui/query-view.js";
import { useParam } from "../../ui/use-params.js";
import type { ProjectPageProps } from "../project-page.js";
import "../../styles/events.css";
import { aggregateColumns } from "./aggregate-columns.js";
import {
  FIELD_GROUPS,
  type FieldGroup,
  groupsOf,
  TIME_GROUPS,
  type TimeGroup,
} from "./grouping.js";
import { SumsChart } from "./sums-chart.js";

export default function AggregatesPage({ projectId }: ProjectPageProps) {
  const [client] = useParam("client", "");
  const [metric] = useParam("metric", "");
  const [fields, setFields] = useParam<FieldGroup>("by", "metric", FIELD_GROUPS);
  const [time, setTime] = useParam<TimeGroup>("time", "day", TIME_GROUPS);
  const [from] = useParam("from", "");
  const [to] = useParam("to", "");
  const startTime = dayStart(from);
  const endTime = dayEnd(to);
  const query = useQuery(EventService.method.aggregateEvents, {
    projectId,
    client,
    metric,
    groupBy: groupsOf(fields, time),
    ...(startTime && { startTime }),
    ...(endTime && { endTime }),
  });
  const columns = useMemo(() => aggregateColumns(time), [time]);
  return (
    <Page
      title="Aggregates"
      filters={
        <>
          <Choice label="By" value={fields} options={fieldOptions} onChoose={setFields} />
          <Choice label="Over" value={time} options={timeOptions} onChoose={setTime} />
          <TextParam name="client" label="Client" placeholder="exact name" />
          <TextParam name="metric" label="Metric" placeholder="exact name" />
          <DayFilters label="Happened" from="from" to="to" />
        </>
      }
    >
      <QueryView query={query} rows={12}>
        {({ rows }) =>
          rows.every(({ count }) => count === 0n) ? (
            <Empty title="No processed event matches.">
              <p>Client and metric are exact names, days are in UTC.</p>
              <Link href={paths.events(projectId)}>Look at all events</Link>
            </Empty>
          ) : (
            <>
              {rows.some(({ periodStartTime }) => periodStartTime !== undefined) && (
                <Section title="Sums over time" note="UTC">
                  <SumsChart rows={rows} time={time} />
                </Section>
              )}
              <Section
                title="Groups"
                note="exact decimals; times without events are left out of the table"
              >
                <DataTable
                  label="Aggregates"
                  rows={rows.filter(({ count }) => count > 0n)}
                  rowKey={(row) =>
                    `${row.periodStartTime?.seconds ?? ""} ${JSON.stringify([row.client, row.metric])}`
                  }
                  columns={columns}
                  rowHeight={38 / 15}
                />
              </Section>
            </>
          )
        }
      </QueryView>
    </Page>
  );
}

const fieldOptions: readonly { readonly value: FieldGroup; readonly text: string }[] = [
  { value: "metric", text: "Metric" },
  { value: "client", text: "Client" },
  { value: "client-metric", text: "Client and metric" },
  { value: "none", text: "Nothing: all events" },
];
const timeOptions: readonly { readonly value: TimeGroup; readonly text: string }[] = [
  { value: "none", text: "All time at once" },
  { value: "hour", text: "Hours" },
  { value: "day", text: "Days" },
  { value: "week", text: "Weeks" },
];
