/** A list of any length whose items open in place: only the items in sight exist. */
import { type ReactNode, useEffect, useId, useRef, useState } from "react";
import { type More, ShowMore, useRowsInSight } from "./rows-in-sight.js";
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
  const { inSight, height, measure } = useRowsInSight({
    list,
    rows,
    rowKey,
    rowHeight: ROW_HEIGHT,
    more,
  });
  return (
    <div className="expanding">
      <ul ref={list} className="expanding-list" aria-label={label} style={{ height }}>
        {inSight.map(({ key, index, row, top }) => {
          const isOpen = opened.has(key);
          return (
            <li
              key={key}
              ref={measure}
              data-index={index}
              className="expanding-item"
              style={{ transform: `translateY(${top}px)` }}
            >
              <button
                type="button"
                className="expanding-button"
                aria-expanded={isOpen}
                aria-controls={isOpen ? `${id}-${index}` : undefined}
                onClick={() => setOpened(toggled(opened, key))}
              >
                <span className="expanding-arrow" aria-hidden="true" />
                {summary(row)}
              </button>
              {isOpen && (
                <div id={`${id}-${index}`} className="expanding-details">
                  {details(row)}
                </div>
              )}
            </li>
          );
        })}
      </ul>
      <ShowMore more={more} label={label} />
    </div>
  );
}

/** Of an item that is closed, in rem; opened ones are measured. */
const ROW_HEIGHT = 56 / 15;

function toggled(keys: ReadonlySet<string>, key: string): ReadonlySet<string> {
  const after = new Set(keys);
  if (!after.delete(key)) after.add(key);
  return after;
}
