/** Filters live in the address: they survive a reload and can be sent to others. */
import { useCallback } from "react";
import { useSearchParams } from "wouter";

/** The value of a parameter of the address, and how to change it in place; the default leaves the address. */
export function useParam<V extends string>(
  name: string,
  byDefault: V,
  allowed?: readonly V[],
): [V, (value: V) => void] {
  const [params, setParams] = useSearchParams();
  const given = params.get(name);
  const value =
    given === null || (allowed !== undefined && !allowed.includes(given as V))
      ? byDefault
      : (given as V);
  const change = useCallback(
    (next: V) => {
      setParams(
        () => {
          // The address itself: another parameter may have changed since the last render.
          const after = new URLSearchParams(window.location.search);
          if (next === byDefault) after.delete(name);
          else after.set(name, next);
          return after;
        },
        { replace: true },
      );
    },
    [name, byDefault, setParams],
  );
  return [value, change];
}

/** The days that figures look back; the same on every page. */
export function useWindowDays(): [number, (days: number) => void] {
  const [value, change] = useParam<string>("days", "30", WINDOWS.map(String));
  return [Number(value), useCallback((days: number) => change(String(days)), [change])];
}

/** What StatsService takes as a window. */
export const WINDOWS = [1, 7, 30, 90] as const;

/** The window as a parameter of the address of another page; the default needs none. */
export function daysQuery(days: number): { readonly days?: string } {
  return days === 30 ? {} : { days: String(days) };
}
