import { useSyncExternalStore } from "react";

/** How many pixels a rem has: more where somebody has the browser show larger text, also while the page is open. */
export function useRemPixels(): number {
  return useSyncExternalStore(subscribe, read);
}

function read(): number {
  return Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
}

/** An element that is one rem wide tells when that changes. */
function subscribe(listener: () => void): () => void {
  const ruler = document.createElement("div");
  ruler.className = "rem-ruler";
  document.body.append(ruler);
  const observer = new ResizeObserver(listener);
  observer.observe(ruler);
  return () => {
    observer.disconnect();
    ruler.remove();
  };
}
