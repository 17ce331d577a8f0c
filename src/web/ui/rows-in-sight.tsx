/** What lists of any length have in common: only the rows in sight exist, and more are asked for when their end comes near. */
import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { type RefObject, useEffect } from "react";
import { Button } from "./button.js";
import { Unseen } from "./unseen.js";
import { useRemPixels } from "./use-rem-pixels.js";

/** The page after this one, as `useInfiniteQuery` tells of it. */
export interface More {
  readonly hasNextPage: boolean;
  readonly isFetchingNextPage: boolean;
  fetchNextPage(): unknown;
}

/** A row, and where it stands in the list, in pixels. */
export interface RowInSight<R> {
  readonly key: string;
  readonly index: number;
  readonly row: R;
  readonly top: number;
}

/** The rows in sight of the window, and the height of all; `measure` is the ref of rows. */
export function useRowsInSight<R>({
  list,
  rows,
  rowKey,
  rowHeight,
  more,
}: {
  readonly list: RefObject<HTMLElement | null>;
  readonly rows: readonly R[];
  readonly rowKey: (row: R) => string;
  /** Until a row is measured; in rem, so that it grows with the text. */
  readonly rowHeight: number;
  readonly more: More | undefined;
}) {
  const keyAt = (index: number) => {
    const row = rows[index];
    return row === undefined ? String(index) : rowKey(row);
  };
  const remPixels = useRemPixels();
  const virtual = useWindowVirtualizer({
    count: rows.length,
    estimateSize: () => Math.round(rowHeight * remPixels),
    overscan: 10,
    scrollMargin: list.current?.offsetTop ?? 0,
    getItemKey: keyAt,
  });
  const items = virtual.getVirtualItems();
  const lastSeen = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (more?.hasNextPage && !more.isFetchingNextPage && lastSeen >= rows.length - 10) {
      more.fetchNextPage();
    }
  }, [more, lastSeen, rows.length]);
  const inSight = items.flatMap(({ index, start }): RowInSight<R>[] => {
    const row = rows[index];
    if (row === undefined) return [];
    const top = start - virtual.options.scrollMargin;
    return [{ key: keyAt(index), index, row, top }];
  });
  return { inSight, height: virtual.getTotalSize(), measure: virtual.measureElement };
}

/** Asks for more rows of the list with this label; nothing where there are none. */
export function ShowMore({
  more,
  label,
}: {
  readonly more: More | undefined;
  readonly label: string;
}) {
  if (!more?.hasNextPage) return null;
  return (
    <div className="table-more">
      <Button onClick={() => more.fetchNextPage()} isBusy={more.isFetchingNextPage}>
        Show more
        <Unseen text={`of ${label}`} />
      </Button>
    </div>
  );
}
