import { useMemo } from "react";
import type { EventAggregate } from "../../../../gen/tally/v1/event_service_pb.js";
import { formatShort, plural } from "../../format/numbers.js";
import { Chart } from "../../ui/chart.js";
import { sumSeries, type TimeGroup } from "./grouping.js";

/** The sums over time, a line for each of the largest groups; `time` is how wide the periods of the rows are. */
export function SumsChart({
  rows,
  time,
}: {
  readonly rows: readonly EventAggregate[];
  readonly time: TimeGroup;
}) {
  const { times, series, more } = useMemo(() => sumSeries(rows, COLORS.length), [rows]);
  const drawn = useMemo(
    () =>
      series.map(({ name, values }, at) => ({
        label: name,
        color: COLORS[at] ?? "--accent",
        kind: series.length === 1 ? ("bars" as const) : ("line" as const),
        values,
      })),
    [series],
  );
  return (
    <div className="card stack">
      <ul className="chart-names">
        {drawn.map(({ label, color }) => (
          <li key={label}>
            <span className="chart-mark" style={{ background: `var(${color})` }} />{" "}
            <bdi>{label}</bdi>
          </li>
        ))}
        {more > 0 && <li className="soft">and {plural(more, "smaller group")} in the table</li>}
      </ul>
      <Chart
        label="Sums over time"
        times={times}
        series={drawn}
        format={formatShort}
        unit={time === "hour" ? "hour" : "day"}
        height={220}
      />
    </div>
  );
}

const COLORS = ["--accent", "--passed", "--flaky", "--errored", "--warned", "--failed"];
