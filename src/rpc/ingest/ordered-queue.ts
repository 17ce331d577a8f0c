/** Work under way, bounded, whose results are taken in the order in which it began. */

export interface OrderedQueue<T> extends AsyncIterable<T> {
  /** Waits until another piece may begin. False once nobody takes results any more. */
  room(): Promise<boolean>;
  /** Adds work that has begun. */
  push(work: Promise<T>): void;
  /** No more work comes; the iteration ends after the last result. */
  end(): void;
  /** Ends the iteration with an error, after the results of the work that began before. */
  fail(error: unknown): void;
  /** Nobody takes results any more. */
  stop(): void;
}

/** A queue of at most `max` pieces of work. One consumer. The first failure of a piece ends the iteration. */
export function createOrderedQueue<T>(max: number): OrderedQueue<T> {
  const work: Promise<T>[] = [];
  let ended = false;
  let failure: { error: unknown } | undefined;
  let stopped = false;
  let wakeProducer: (() => void) | undefined;
  let wakeConsumer: (() => void) | undefined;
  const change = (change: () => void) => {
    change();
    wakeProducer?.();
    wakeConsumer?.();
  };
  return {
    async room() {
      while (work.length >= max && !stopped) {
        await new Promise<void>((resolve) => {
          wakeProducer = resolve;
        });
      }
      return !stopped;
    },
    push(piece) {
      // The consumer may stop before it comes to this one.
      piece.catch(() => {});
      change(() => work.push(piece));
    },
    end: () =>
      change(() => {
        ended = true;
      }),
    fail: (error) =>
      change(() => {
        failure = { error };
        ended = true;
      }),
    stop: () =>
      change(() => {
        stopped = true;
      }),
    async *[Symbol.asyncIterator]() {
      for (;;) {
        const piece = work[0];
        if (piece !== undefined) {
          const result = await piece;
          change(() => work.shift());
          yield result;
        } else if (failure !== undefined) throw failure.error;
        else if (ended) return;
        else {
          await new Promise<void>((resolve) => {
            wakeConsumer = resolve;
          });
        }
      }
    },
  };
}
