/** What a figure is, and what measuring it answers. */
import type { BenchServer } from "./server.js";

/** One line of the bench. */
export interface Measurement {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What the machine can do at best, in the same unit and the same run; null where there is no such thing. */
  readonly limit: number | null;
  /** How many results, calls or connections, and what the limit is. */
  readonly conditions: string;
}

/** Measures one thing, or a few that need the same run. */
export interface Figure {
  readonly name: string;
  readonly description: string;
  /** Settings of its server that differ from the defaults. */
  readonly env?: Readonly<Record<string, string>>;
  /** A smoke run takes little time, and shows only that everything works. */
  measure(server: BenchServer, isSmoke: boolean): Promise<readonly Measurement[]>;
}

/** Seconds that the work takes. */
export async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return (performance.now() - startedAt) / 1000;
}

/** Runs `work` for 0 to `count` - 1, so many at a time. */
export async function inFlight(
  count: number,
  atATime: number,
  work: (i: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: atATime }, async () => {
      while (next < count) await work(next++);
    }),
  );
}

/** The value that a share `q` of the values does not exceed. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0;
}
