/** How a stream ends of which nothing is heard: a network that drops packets breaks no connection. */
export interface Silence {
  /** Aborted after too long a silence, and when what the stream belongs to has ended. */
  readonly signal: AbortSignal;
  /** Something came: the silence begins anew. */
  heard(): void;
  /** Nothing is waited for any more. */
  stop(): void;
}

/** Begins to wait; the silence may last `ms`. */
export function startSilence(ended: AbortSignal, ms: number): Silence {
  const silent = new AbortController();
  const begin = () => setTimeout(() => silent.abort(), ms);
  let timer = begin();
  const stop = () => clearTimeout(timer);
  return {
    signal: AbortSignal.any([ended, silent.signal]),
    heard() {
      stop();
      timer = begin();
    },
    stop,
  };
}
