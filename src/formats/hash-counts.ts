/** Counts by 53-bit hashes, in 12 bytes a slot where a Map takes 45 to 80 a key. */

export interface HashCounts {
  /** 0 for a hash that has none. */
  get(hash: number): number;
  /** Beyond the bound new hashes are not kept. */
  set(hash: number, count: number): void;
}

/** Keeps up to `maxHashes`; at 2 million it holds 50 MB, and 75 while it grows to that. */
export function createHashCounts(maxHashes: number): HashCounts {
  let hashes = new Float64Array(FIRST_SLOTS);
  let counts = new Uint32Array(FIRST_SLOTS);
  let used = 0;

  /** The slot that has the hash, or the free one where it belongs. */
  function slotOf(hash: number): number {
    const mask = hashes.length - 1;
    const mixed = Math.imul(hash ^ Math.imul(hash / 2 ** 32, 0x9e3779b1), 0x85ebca6b);
    let slot = (mixed ^ (mixed >>> 15)) & mask;
    while (hashes[slot] !== FREE && hashes[slot] !== hash) slot = (slot + 1) & mask;
    return slot;
  }

  function grow(): void {
    const [oldHashes, oldCounts] = [hashes, counts];
    hashes = new Float64Array(2 * oldHashes.length);
    counts = new Uint32Array(hashes.length);
    for (const [index, hash] of oldHashes.entries()) {
      if (hash === FREE) continue;
      const slot = slotOf(hash);
      hashes[slot] = hash;
      counts[slot] = oldCounts[index] ?? 0;
    }
  }

  return {
    get: (hash) => counts[slotOf(hash || OTHER)] ?? 0,
    set(hash, count) {
      const key = hash || OTHER;
      let slot = slotOf(key);
      if (hashes[slot] === FREE) {
        if (used === maxHashes) return;
        if (++used > hashes.length * MAX_LOAD) {
          grow();
          slot = slotOf(key);
        }
        hashes[slot] = key;
      }
      counts[slot] = count;
    },
  };
}

/** A power of two, as every size. */
const FIRST_SLOTS = 1024;
const MAX_LOAD = 0.6;
const FREE = 0;
/** Stands for the one hash that marks free slots. */
const OTHER = 1;
