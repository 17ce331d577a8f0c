import { type RefObject, useEffect, useRef } from "react";
import { useLocation, useSearch } from "wouter";

/**
 * Where one goes to, the page begins at its top, and its `content` has the focus if what had it is gone. Going back is left to
 * the browser, which remembers where one was; filters replace the address and move nothing.
 */
export function useNewPage(content: RefObject<HTMLElement | null>): void {
  const [location] = useLocation();
  const search = useSearch();
  const isGoneTo = useRef(false);
  useEffect(() => {
    const go = () => {
      isGoneTo.current = true;
      window.scrollTo({ top: 0 });
    };
    // Told by wouter for each call of history.pushState.
    window.addEventListener("pushState", go);
    return () => window.removeEventListener("pushState", go);
  }, []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the address is what has changed
  useEffect(() => {
    if (isGoneTo.current && document.activeElement === document.body) content.current?.focus();
    isGoneTo.current = false;
  }, [location, search, content]);
}
