/** The bytes of a request as they come, on HTTP/1.1 and on HTTP/2. */
import type { Readable } from "node:stream";

/** A body that is read only when asked for; null at its end, and when the client is gone. */
export interface Body {
  next(): Promise<Buffer | null>;
  /** Whether the client is gone with the body unfinished. */
  cut(): boolean;
  /** Nothing is read or kept any more; what still comes may be thrown away by others. */
  stop(): void;
}

export interface BodyOptions {
  readonly cut: () => boolean;
  /** Called before the first read. */
  readonly onOpen?: () => void;
}

/**
 * Opens the body. Nothing is attached to the stream before the first read, so that a refused call reads
 * nothing and a client that waits for `100 Continue` is not told to send.
 */
export function openBody(stream: Readable, { cut, onOpen }: BodyOptions): Body {
  const chunks: Buffer[] = [];
  let waiting: ((chunk: Buffer | null) => void) | undefined;
  let opened = false;
  let ended = false;
  const give = (chunk: Buffer | null) => {
    const resolve = waiting;
    waiting = undefined;
    resolve?.(chunk);
  };
  const onData = (chunk: Buffer) => {
    if (waiting === undefined) chunks.push(chunk);
    else give(chunk);
    stream.pause();
  };
  const onEnd = () => {
    ended = true;
    if (chunks.length === 0) give(null);
  };
  const open = () => {
    opened = true;
    onOpen?.();
    stream.on("data", onData);
    stream.once("end", onEnd);
    stream.on("error", onEnd);
    stream.once("close", onEnd);
  };
  return {
    cut,
    next() {
      if (!opened) open();
      const chunk = chunks.shift();
      if (chunk !== undefined) return Promise.resolve(chunk);
      // An HTTP/2 stream without data ends by itself, maybe before the first read.
      if (ended || stream.readableEnded || stream.destroyed) return Promise.resolve(null);
      return new Promise((resolve) => {
        waiting = resolve;
        stream.resume();
      });
    },
    stop() {
      stream.off("data", onData);
      chunks.length = 0;
      onEnd();
    },
  };
}
