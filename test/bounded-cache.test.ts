import { expect, it } from "vitest";
import { createBoundedCache } from "../src/bounded-cache.js";

it("keeps what is used and forgets what is not", () => {
  const cache = createBoundedCache<number, string>(10);
  cache.set(0, "kept");
  for (let i = 1; i < 100; i++) {
    cache.set(i, "x");
    expect(cache.get(0)).toBe("kept");
  }
  expect(cache.get(1)).toBeUndefined();
  const left = Array.from({ length: 100 }, (_, i) => cache.get(i)).filter((v) => v !== undefined);
  expect(left.length).toBeLessThanOrEqual(10);
  cache.delete(0);
  expect(cache.get(0)).toBeUndefined();
});
