import { useCallback, useMemo } from "react";
import { useSearchParams } from "wouter";
import type { RunFilter } from "./run-filter.js";

const NAMES = ["branch", "status", "state", "commit", "label", "from", "to"] as const;

/** The filter of the address, and how to change it in place. */
export function useRunFilter(): {
  readonly filter: RunFilter;
  change(name: keyof RunFilter, value: string): void;
  clear(): void;
} {
  const [params, setParams] = useSearchParams();
  const filter = useMemo(
    () => Object.fromEntries(NAMES.map((name) => [name, params.get(name) ?? ""])),
    [params],
  ) as unknown as RunFilter;
  const change = useCallback(
    (name: keyof RunFilter, value: string) =>
      setParams(
        (before) => {
          const after = new URLSearchParams(before);
          if (value === "") after.delete(name);
          else after.set(name, value);
          return after;
        },
        { replace: true },
      ),
    [setParams],
  );
  const clear = useCallback(() => setParams({}, { replace: true }), [setParams]);
  return { filter, change, clear };
}
