/** New rows wait while the reader is further down: what is read does not move. */
import { useEffect, useState } from "react";
import { useAtTop } from "./use-at-top.js";

/** The rows to show, and how many newer ones wait above them. They come when the reader goes to the top of the page. */
export function useHeldRows<R>(
  rows: readonly R[],
  rowKey: (row: R) => string,
): { readonly shown: readonly R[]; readonly heldCount: number } {
  const isAtTop = useAtTop();
  const [top, setTop] = useState<string>();
  const first = rows[0] === undefined ? undefined : rowKey(rows[0]);
  useEffect(() => {
    if (isAtTop) setTop(first);
  }, [isAtTop, first]);
  const at = isAtTop ? 0 : rows.findIndex((row) => rowKey(row) === top);
  const heldCount = Math.max(0, at);
  return { shown: heldCount === 0 ? rows : rows.slice(heldCount), heldCount };
}
