import { useEffect, useEffectEvent, useRef } from "react";

/** Calls `act` after `change` has another value than undefined or the one before, at most once in `everyMs`. */
export function useFollow(change: unknown, act: () => unknown, everyMs: number): void {
  const last = useRef(0);
  const follow = useEffectEvent(act);
  useEffect(() => {
    if (change === undefined) return;
    const timer = setTimeout(
      () => {
        last.current = Date.now();
        follow();
      },
      Math.max(0, last.current + everyMs - Date.now()),
    );
    return () => clearTimeout(timer);
  }, [change, everyMs]);
}
