import { useEffect, useRef } from "react";

/** Calls `onReconnect` when the stream is heard again after a break: what happened in between was not told. */
export function useReconnected(isLive: boolean, onReconnect: () => unknown): void {
  const wasLive = useRef(false);
  const act = useRef(onReconnect);
  useEffect(() => {
    act.current = onReconnect;
  });
  useEffect(() => {
    if (!isLive) return;
    if (wasLive.current) act.current();
    wasLive.current = true;
  }, [isLive]);
}
