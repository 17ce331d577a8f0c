import type { TestDay } from "../../../../gen/tally/v1/stats_pb.js";
import { formatCount, plural } from "../../format/numbers.js";
import { durationMs, formatDay, formatDuration, millisOf } from "../../format/times.js";
import { Scrolled } from "../../ui/scrolled.js";

/** The days of a test as a table, newest first; folded, since the charts say it at a glance. */
export function DayTable({ days }: { readonly days: readonly TestDay[] }) {
  return (
    <details className="day-table">
      <summary>{plural(days.length, "day")} as a table</summary>
      <Scrolled className="card day-table-place" label="Days of the test">
        <table>
          <thead>
            <tr>
              {COLUMNS.map((title) => (
                <th key={title} scope="col">
                  {title}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {days.toReversed().map(({ day, results, flakyCount, duration }) => {
              const ms = millisOf(day) ?? 0;
              return (
                <tr key={ms}>
                  <th scope="row">{formatDay(ms)}</th>
                  <td>{formatCount(results?.resultCount ?? 0n)}</td>
                  <td>{formatCount(results?.passedCount ?? 0n)}</td>
                  <td>{formatCount(results?.failedCount ?? 0n)}</td>
                  <td>{formatCount(results?.erroredCount ?? 0n)}</td>
                  <td>
                    {formatCount((results?.skippedCount ?? 0n) + (results?.precludedCount ?? 0n))}
                  </td>
                  <td>{formatCount(flakyCount)}</td>
                  <td>{formatDuration(durationMs(duration?.p50))}</td>
                  <td>{formatDuration(durationMs(duration?.p95))}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </Scrolled>
    </details>
  );
}

const COLUMNS = [
  "Day",
  "Results",
  "Passed",
  "Failed",
  "Errored",
  "Skipped",
  "Flaky failures",
  "p50",
  "p95",
];
