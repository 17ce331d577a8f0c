import { useEffect, useEffectEvent, useRef } from "react";

/** Calls `onReconnect` when the stream is heard again after a break: what happened in between was not told. */
export function useReconnected(isLive: boolean, onReconnect: () => unknown): void {
  const wasLive = useRef(false);
  const reconnected = useEffectEvent(onReconnect);
  useEffect(() => {
    if (!isLive) return;
    if (wasLive.current) reconnected();
    wasLive.current = true;
  }, [isLive]);
}
