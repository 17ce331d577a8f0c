/** Bytes that come in pieces and are one thing. */

export interface Pieces {
  /** Adds a piece; over the limit nothing is kept. */
  add(piece: Uint8Array): void;
  /** What was added since the last time, as one; null if it is longer than the limit. */
  take(): Uint8Array | null;
}

/** Holds up to `maxBytes`. */
export function createPieces(maxBytes: number): Pieces {
  let pieces: Uint8Array[] = [];
  let size = 0;
  return {
    add(piece) {
      size += piece.length;
      if (size > maxBytes) pieces = [];
      else if (piece.length > 0) pieces.push(piece);
    },
    take() {
      const whole = size > maxBytes ? null : Buffer.concat(pieces, size);
      pieces = [];
      size = 0;
      return whole;
    },
  };
}
