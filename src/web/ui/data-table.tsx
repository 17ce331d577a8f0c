/** A table of any length: only the rows in sight exist, and more are asked for when its end comes near. */
import { type ReactNode, useRef } from "react";
import { type More, ShowMore, useRowsInSight } from "./rows-in-sight.js";

/** A column. */
export interface Column<R> {
  readonly key: string;
  readonly title: string;
  /** As CSS grid takes it, for example `minmax(0, 1fr)` or `90px`. */
  readonly width: string;
  readonly align?: "end";
  /** Left out where the window is narrow. */
  readonly wideOnly?: boolean;
  readonly cell: (row: R) => ReactNode;
}

/** Rows of equal height, unless one's text needs more. The first cell of a row has the link to what the row is of. */
export function DataTable<R>({
  label,
  rows,
  rowKey,
  columns,
  more,
  rowHeight = 52 / 15,
}: {
  readonly label: string;
  readonly rows: readonly R[];
  readonly rowKey: (row: R) => string;
  readonly columns: readonly Column<R>[];
  readonly more?: More;
  /** The least, in rem; a rem has 15 pixels. */
  readonly rowHeight?: number;
}) {
  const list = useRef<HTMLTableSectionElement>(null);
  const { inSight, height, measure } = useRowsInSight({ list, rows, rowKey, rowHeight, more });
  return (
    <div className="table-place">
      <table className="table" aria-label={label} aria-rowcount={rows.length + 1}>
        <thead className="table-head">
          <tr className="table-row" style={templates(columns)}>
            {columns.map((column) => (
              <th key={column.key} scope="col" className={cellClass(column)}>
                {column.title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody ref={list} className="table-body" style={{ height }}>
          {inSight.map(({ key, index, row, top }) => (
            <tr
              key={key}
              ref={measure}
              data-index={index}
              aria-rowindex={index + 2}
              className="table-row"
              style={{
                ...templates(columns),
                minHeight: `${rowHeight}rem`,
                transform: `translateY(${top}px)`,
              }}
            >
              {columns.map((column) => (
                <td key={column.key} className={cellClass(column)}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      <ShowMore more={more} label={label} />
    </div>
  );
}

/** The widths of the columns for wide and narrow windows; base.css chooses. */
function templates<R>(columns: readonly Column<R>[]): Record<string, string> {
  const widths = (shown: readonly Column<R>[]) => shown.map(({ width }) => width).join(" ");
  return {
    "--columns": widths(columns),
    "--narrow-columns": widths(columns.filter(({ wideOnly }) => !wideOnly)),
  };
}

function cellClass<R>({ align, wideOnly }: Column<R>): string {
  return `table-cell${align === "end" ? " align-end" : ""}${wideOnly ? " wide-only" : ""}`;
}
