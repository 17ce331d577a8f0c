import type { EventAggregate } from "../../../../gen/tally/v1/event_service_pb.js";
import { formatCount } from "../../format/numbers.js";
import type { Column } from "../../ui/data-table.js";
import { Line } from "../../ui/texts.js";
import { groupName, periodText, type TimeGroup } from "./grouping.js";

/** The columns of aggregates; decimals are shown as they came. */
export function aggregateColumns(time: TimeGroup): readonly Column<EventAggregate>[] {
  const period: Column<EventAggregate> = {
    key: "period",
    title: time === "week" ? "Week from (UTC)" : "Time (UTC)",
    width: "minmax(92px, 130px)",
    cell: (row) => <span className="number">{periodText(row, time)}</span>,
  };
  return [
    ...(time === "none" ? [] : [period]),
    {
      key: "group",
      title: "Group",
      width: "minmax(0, 1.6fr)",
      cell: (row) => <Line text={groupName(row)} />,
    },
    {
      key: "count",
      title: "Events",
      width: "minmax(60px, 0.6fr)",
      align: "end",
      wideOnly: true,
      cell: ({ count }) => formatCount(count),
    },
    { ...decimal("sum", "Sum"), wideOnly: false, width: "minmax(70px, 1fr)" },
    decimal("min", "Min"),
    decimal("max", "Max"),
    decimal("avg", "Average"),
    decimal("p50", "p50"),
    decimal("p95", "p95"),
    decimal("p99", "p99"),
  ];
}

function decimal(
  key: "sum" | "min" | "max" | "avg" | "p50" | "p95" | "p99",
  title: string,
): Column<EventAggregate> {
  return {
    key,
    title,
    width: "minmax(0, 0.7fr)",
    align: "end",
    wideOnly: true,
    cell: (row) => <Line text={row[key] || "–"} />,
  };
}
