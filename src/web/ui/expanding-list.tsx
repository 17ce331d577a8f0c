/** A list of any length whose items open in place: only the items in sight exist. */
import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { type ReactNode, useEffect, useId, useRef, useState } from "react";
import { Button } from "./button.js";
import type { More } from "./data-table.js";
import "../styles/expanding-list.css";

/** Items of which each is a button with a line or two; `details` is shown below those that were opened. */
export function ExpandingList<R>({
  label,
  rows,
  rowKey,
  summary,
  details,
  more,
  onReading,
}: {
  readonly label: string;
  readonly rows: readonly R[];
  readonly rowKey: (row: R) => string;
  /** What the button says: phrasing content without links. */
  readonly summary: (row: R) => ReactNode;
  readonly details: (row: R) => ReactNode;
  readonly more?: More;
  /** Hears whether any item is open. */
  onReading?(isReading: boolean): void;
}) {
  const id = useId();
  const list = useRef<HTMLUListElement>(null);
  const [opened, setOpened] = useState<ReadonlySet<string>>(new Set());
  const isReading = opened.size > 0;
  useEffect(() => {
    onReading?.(isReading);
    return () => onReading?.(false);
  }, [isReading, onReading]);
  const virtual = useWindowVirtualizer({
    count: rows.length,
    estimateSize: () => ROW_HEIGHT,
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
    <div className="expanding">
      <ul
        ref={list}
        className="expanding-list"
        aria-label={label}
        style={{ height: virtual.getTotalSize() }}
      >
        {items.map((item) => {
          const row = rows[item.index];
          if (row === undefined) return null;
          const key = rowKey(row);
          const isOpen = opened.has(key);
          return (
            <li
              key={item.key}
              ref={virtual.measureElement}
              data-index={item.index}
              className="expanding-item"
              style={{ transform: `translateY(${item.start - virtual.options.scrollMargin}px)` }}
            >
              <button
                type="button"
                className="expanding-button"
                aria-expanded={isOpen}
                aria-controls={isOpen ? `${id}-${item.index}` : undefined}
                onClick={() => setOpened(toggled(opened, key))}
              >
                <span className="expanding-arrow" aria-hidden="true" />
                {summary(row)}
              </button>
              {isOpen && (
                <div id={`${id}-${item.index}`} className="expanding-details">
                  {details(row)}
                </div>
              )}
            </li>
          );
        })}
      </ul>
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

/** Of an item that is closed, in pixels; opened ones are measured. */
const ROW_HEIGHT = 56;

function toggled(keys: ReadonlySet<string>, key: string): ReadonlySet<string> {
  const after = new Set(keys);
  if (!after.delete(key)) after.add(key);
  return after;
}
