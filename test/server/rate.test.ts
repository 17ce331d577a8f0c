import { expect, test } from "vitest";
import { createRateLimiter } from "../../src/server/rate.js";

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
