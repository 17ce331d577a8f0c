import { type RefObject, useEffect, useRef } from "react";

/**
 * Where one goes to, the page begins at its top, and its `content` has the focus if what had it is gone. Going back is left to
 * the browser, which remembers where one was; filters replace the address and move nothing.
 */
export function useNewPage(content: RefObject<HTMLElement | null>): void {
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
  // After each rendering of the shell: every change of the address is one.
  useEffect(() => {
    if (isGoneTo.current && document.activeElement === document.body) content.current?.focus();
    isGoneTo.current = false;
  });
}
