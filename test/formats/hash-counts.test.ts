import fc from "fast-check";
import { expect, it } from "vitest";
import { createHashCounts } from "../../src/formats/hash-counts.js";

const hash = fc.oneof(fc.nat({ max: 20 }), fc.maxSafeNat());

it("keeps what a Map keeps", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(hash, fc.nat()), { maxLength: 3000 }), (entries) => {
      const counts = createHashCounts(5000);
      const map = new Map<number, number>();
      for (const [key, count] of entries) {
        // 0 and 1 share their place.
        map.set(key || 1, count);
        counts.set(key, count);
      }
      for (const [key, count] of map) expect(counts.get(key)).toBe(count);
      expect(counts.get(2 ** 52 + 0.5)).toBe(0);
    }),
  );
});

it("is quick with hashes that differ in any of their bits alone", () => {
  for (const factor of [1, 2 ** 20, 2 ** 32]) {
    const counts = createHashCounts(1e6);
    for (let i = 1; i <= 200_000; i++) counts.set(i * factor, i);
    for (let i = 1; i <= 200_000; i++) if (counts.get(i * factor) !== i) expect(i).toBe(0);
  }
});

it("keeps no more hashes than it may", () => {
  const counts = createHashCounts(3);
  for (const key of [10, 20, 30, 40]) counts.set(key, 1);
  counts.set(10, 2);
  expect([10, 20, 30, 40].map(counts.get)).toEqual([2, 1, 1, 0]);
});
