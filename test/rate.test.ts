import { expect, test } from "vitest";
import { createRateLimiter } from "../src/rate.js";

test("lets a burst of two seconds pass, then the rate, and says how long to wait", () => {
  let now = 0;
  const limiter = createRateLimiter(() => now);
  const take = () => limiter.take("a", 10);
  for (let i = 0; i < 20; i += 1) expect(take()).toBe(0);
  expect(take()).toBe(100);
  now += 50;
  expect(take()).toBe(50);
  now += 50;
  expect(take()).toBe(0);
  expect(take()).toBe(100);
  expect(limiter.take("b", 10)).toBe(0);
  now += 3_600_000;
  for (let i = 0; i < 20; i += 1) expect(take()).toBe(0);
  expect(take()).toBe(100);
});

test("passes one call at rates below one a second, and bears a clock that goes back", () => {
  let now = 1_000_000;
  const limiter = createRateLimiter(() => now);
  expect(limiter.take("a", 0.1)).toBe(0);
  expect(limiter.take("a", 0.1)).toBe(10_000);
  now -= 500_000;
  expect(limiter.take("a", 0.1)).toBe(10_000);
  now += 10_000;
  expect(limiter.take("a", 0.1)).toBe(0);
});

test("counts several keys together or not at all, and lets more than a burst pass a full bucket", () => {
  let now = 0;
  const limiter = createRateLimiter(() => now);
  const takeAll = (amounts: Record<string, number>) =>
    limiter.takeAll(new Map(Object.entries(amounts)), 10);
  expect(takeAll({ a: 15, b: 5 })).toBeNull();
  expect(takeAll({ a: 6, b: 17, c: 1 })).toEqual({ key: "b", waitMs: 200 });
  expect(takeAll({ a: 5, b: 15, c: 20 })).toBeNull();
  expect(takeAll({ c: 500 })).toEqual({ key: "c", waitMs: 2_000 });
  now += 2_000;
  expect(takeAll({ c: 500 })).toBeNull();
  expect(takeAll({ c: 1 })).toEqual({ key: "c", waitMs: 48_100 });
  now += 48_100;
  expect(takeAll({ c: 1 })).toBeNull();
});
