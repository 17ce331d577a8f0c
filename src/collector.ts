/** Puts a message together from what comes of it. */

export interface Collector {
  readonly length: number;
  add(chunk: Uint8Array): void;
  /** What was added, as one buffer. */
  bytes(): Buffer;
}

/**
 * Collects chunks in one buffer, which grows beyond `expectedBytes` only if more comes. A list of the chunks
 * would cost a hundred times the message when each chunk is one byte.
 */
export function createCollector(expectedBytes: number): Collector {
  let buffer = Buffer.allocUnsafe(expectedBytes);
  let length = 0;
  return {
    get length() {
      return length;
    },
    add(chunk) {
      const needed = length + chunk.length;
      if (needed > buffer.length) {
        const larger = Buffer.allocUnsafe(Math.max(needed, 2 * buffer.length));
        buffer.copy(larger, 0, 0, length);
        buffer = larger;
      }
      buffer.set(chunk, length);
      length = needed;
    },
    bytes: () => buffer.subarray(0, length),
  };
}
