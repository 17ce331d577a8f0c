/** Does something again and again, one round at a time. */

/**
 * Rounds of `round` with a pause between them, until the answer is disposed, which waits for a round under
 * way. `onResult` hears of each round: undefined, or the error with which it failed.
 */
export function repeat(
  everyMs: number,
  round: () => Promise<void>,
  onResult: (error: unknown) => void,
): AsyncDisposable {
  let wake = () => {};
  let stopped = false;
  const pause = () =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, everyMs);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  const rounds = (async () => {
    while (!stopped) {
      await round().then(() => onResult(undefined), onResult);
      if (!stopped) await pause();
    }
  })();
  return {
    async [Symbol.asyncDispose]() {
      stopped = true;
      wake();
      await rounds;
    },
  };
}
