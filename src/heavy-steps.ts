/**
 * Steps of JavaScript that take milliseconds: decoding, checking and encoding thousands of results. They take
 * turns, one an iteration of the event loop, so that small calls are read and answered in between, however many
 * large ones there are.
 */

const waiting: (() => void)[] = [];

/** Resolves when the next heavy step may run. What follows runs alone until it awaits. */
export function heavyStep(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    if (waiting.length === 1) setImmediate(next);
  });
}

/** Calls `work` with each item; many items take several steps. */
export async function inSteps<T>(
  items: readonly T[],
  work: (item: T, index: number) => void,
): Promise<void> {
  for (let from = 0; from < items.length; from += ITEMS_PER_STEP) {
    const to = Math.min(items.length, from + ITEMS_PER_STEP);
    if (to - from > LIGHT_ITEMS) await heavyStep();
    for (let i = from; i < to; i++) work(items[i] as T, i);
  }
}

/** Calls `work` with each item; a step takes items of this weight together, and one at least. */
export async function inStepsOf<T>(
  items: readonly T[],
  weightOf: (item: T) => number,
  weightPerStep: number,
  work: (item: T, index: number) => void,
): Promise<void> {
  let weight = 0;
  for (let i = 0; i < items.length; i++) {
    const item = items[i] as T;
    weight += weightOf(item);
    if (weight > weightPerStep) {
      await heavyStep();
      weight = weightOf(item);
    }
    work(item, i);
  }
}

/** About 2 ms of checking results. */
const ITEMS_PER_STEP = 1_000;
/** Take no step of their own. */
const LIGHT_ITEMS = 100;

function next(): void {
  waiting[0]?.();
  waiting.shift();
  if (waiting.length > 0) setImmediate(next);
}
