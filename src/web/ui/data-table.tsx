/** A table of any length: only the rows in sight exist, and more are asked for when its end comes near. */
import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { type ReactNode, useEffect, useRef } from "react";
import { Button } from "./button.js";

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

/** The page after this one, as `useInfiniteQuery` tells of it. */
export interface More {
  readonly hasNextPage: boolean;
  readonly isFetchingNextPage: boolean;
  fetchNextPage(): unknown;
}

/** Rows of equal height. The first cell of a row has the link to what the row is of. */
export function DataTable<R>({
  label,
  rows,
  rowKey,
  columns,
  more,
  rowHeight = 52,
}: {
  readonly label: string;
  readonly rows: readonly R[];
  readonly rowKey: (row: R) => string;
  readonly columns: readonly Column<R>[];
  readonly more?: More;
  readonly rowHeight?: number;
}) {
  const list = useRef<HTMLTableSectionElement>(null);
  const virtual = useWindowVirtualizer({
    count: rows.length,
    estimateSize: () => rowHeight,
    overscan: 10,
    scrollMargin: list.current?.offsetTop ?? 0,
    getItemKey: (index) => {
      const row = rows[index];
      return row === undefined ? index : rowKey(row);
    },
  });
  const items = virtual.getVirtualItems();
  const lastSeen = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (more?.hasNextPage && !more.isFetchingNextPage && lastSeen >= rows.length - 10) {
      more.fetchNextPage();
    }
  }, [more, lastSeen, rows.length]);
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
        <tbody ref={list} className="table-body" style={{ height: virtual.getTotalSize() }}>
          {items.map((item) => {
            const row = rows[item.index];
            if (row === undefined) return null;
            return (
              <tr
                key={item.key}
                aria-rowindex={item.index + 2}
                className="table-row"
                style={{
                  ...templates(columns),
                  height: item.size,
                  transform: `translateY(${item.start - virtual.options.scrollMargin}px)`,
                }}
              >
                {columns.map((column) => (
                  <td key={column.key} className={cellClass(column)}>
                    {column.cell(row)}
                  </td>
                ))}
              </tr>
            );
          })}
        </tbody>
      </table>
      {more?.hasNextPage && (
        <div className="table-more">
          <Button onClick={() => more.fetchNextPage()} isBusy={more.isFetchingNextPage}>
            Show more
          </Button>
        </div>
      )}
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
