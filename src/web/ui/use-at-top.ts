import { useSyncExternalStore } from "react";

/** Whether the reader is at the top of the page, where what is new is seen to come. */
export function useAtTop(): boolean {
  return useSyncExternalStore(onScroll, () => window.scrollY < NEAR_PX);
}

/** So far from the top a new row is still seen to come. */
const NEAR_PX = 100;

function onScroll(listener: () => void): () => void {
  window.addEventListener("scroll", listener, { passive: true });
  return () => window.removeEventListener("scroll", listener);
}
