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

function next(): void {
  waiting[0]?.();
  waiting.shift();
  if (waiting.length > 0) setImmediate(next);
}
