/** A chart over time. uPlot comes when the first chart does; the place has its height before. */
import { timeText } from "./chart-data.js";
import type { ChartProps } from "./chart-props.js";
import { codeOf, useCode } from "./use-code.js";

const plot = codeOf(() => import("./plot.js"));

/** The chart, with its values as a table for those who do not see it. */
export function Chart(props: ChartProps) {
  const Plot = useCode(plot);
  const { height = 180, label, times, series, format, unit } = props;
  return (
    <figure className="chart" aria-label={label}>
      <div className="chart-plot" style={{ height }} aria-hidden="true">
        {Plot !== undefined && <Plot {...props} height={height} />}
      </div>
      <div className="unseen">
        <table>
          <caption>{label}</caption>
          <thead>
            <tr>
              <th scope="col">Time</th>
              {series.map((each) => (
                <th key={each.label} scope="col">
                  {each.label}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {times.map((time, index) => (
              <tr key={time}>
                <th scope="row">{timeText(time, unit)}</th>
                {series.map(({ label: name, values }) => {
                  const value = values[index];
                  return (
                    <td key={name}>
                      {value === null || value === undefined ? "none" : format(value)}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </figure>
  );
}
