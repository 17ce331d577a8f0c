/** Notices that a server has become silent. */

export interface SilenceOptions {
  /** Whether an answer is due. */
  readonly isOwed: () => boolean;
  /** For how long it may be due, in milliseconds. */
  readonly limitMs: number;
  /** Called when it has been due for so long, and again after each further time of that length. */
  readonly onSilent: () => void;
}

export interface Silence extends Disposable {
  /** An answer has come. */
  break(): void;
}

/**
 * Watches without keeping the process alive. Time in which this process itself did not get to look, because its host
 * blocked the event loop, does not count: the answers of that time are still unread.
 */
export function watchSilence({ isOwed, limitMs, onSilent }: SilenceOptions): Silence {
  const tickMs = Math.max(10, Math.min(1000, limitMs / 10));
  let silentMs = 0;
  let lookedAt = performance.now();
  const look = () => {
    const now = performance.now();
    silentMs = isOwed() ? silentMs + Math.min(now - lookedAt, 2 * tickMs) : 0;
    lookedAt = now;
    if (silentMs < limitMs) return;
    silentMs = 0;
    onSilent();
  };
  const timer = setInterval(look, tickMs).unref();
  return {
    break() {
      silentMs = 0;
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}
