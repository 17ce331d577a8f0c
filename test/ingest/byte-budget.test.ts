import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createByteBudget } from "../../src/ingest/byte-budget.js";

describe("the byte budget", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("lets callers in in the order of asking, as bytes come back", async () => {
    const budget = createByteBudget(100);
    const first = await budget.take(80);
    const order: string[] = [];
    const second = budget.take(50).then((release) => {
      order.push("second");
      return release;
    });
    const third = budget.take(10).then((release) => {
      order.push("third");
      return release;
    });
    await vi.advanceTimersByTimeAsync(100);
    expect(order).toEqual([]);
    first();
    first();
    await second;
    await third;
    expect(order).toEqual(["second", "third"]);
    expect(budget.used).toBe(60);
  });

  it("takes a message larger than itself when it is empty", async () => {
    const budget = createByteBudget(100);
    const release = await budget.take(1000);
    expect(budget.used).toBe(100);
    release();
    expect(budget.used).toBe(0);
  });

  it("refuses with a hint who waits too long, and lets the next one in", async () => {
    const budget = createByteBudget(100);
    await budget.take(90);
    const big = budget.take(50);
    const refused = expect(big).rejects.toThrow("[unavailable]");
    await vi.advanceTimersByTimeAsync(5_000);
    const small = budget.take(10);
    await vi.advanceTimersByTimeAsync(5_000);
    await refused;
    await small;
    expect(budget.used).toBe(100);
  });
});
