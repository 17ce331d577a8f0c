import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test, vi } from "vitest";
import { createByteBudget } from "../src/byte-budget.js";
import { failure } from "./support/failure.js";

const open = () => createByteBudget({ maxBytes: 100, maxWaitMs: 10_000, verb: "holds" });

afterEach(() => {
  vi.useRealTimers();
});

/** Whether the promise has settled by now. */
async function settled(promise: Promise<void>): Promise<boolean> {
  return Promise.race([promise.then(() => true), sleep(0).then(() => false)]);
}

test("gives an owner half of the room at most, and others the rest", async () => {
  const budget = open();
  const first = budget.claim("a", 40);
  const second = budget.claim("a", 20);
  const other = budget.claim("b", 50);
  expect(await settled(first.granted)).toBe(true);
  expect(await settled(second.granted)).toBe(false);
  expect(await settled(other.granted)).toBe(true);
  expect(budget.used).toBe(90);
  first.shrink(30);
  expect(await settled(second.granted)).toBe(true);
  expect(budget.used).toBe(100);
});

test("takes a message that is larger than a share as the share", async () => {
  const budget = open();
  await budget.claim("a", 1_000).granted;
  expect(budget.used).toBe(50);
});

test("serves those who wait in turns, and lets nobody pass who lacks nothing but room", async () => {
  const budget = open();
  const held = [budget.claim("a", 50), budget.claim("b", 50)];
  const order: string[] = [];
  const waiting = (
    [
      ["c", 30],
      ["c", 20],
      ["d", 50],
      ["e", 1],
    ] as const
  ).map(([name, bytes]) => {
    const claim = budget.claim(name, bytes);
    void claim.granted.then(() => order.push(`${name} ${bytes}`));
    return claim;
  });
  held[0]?.shrink(0);
  await sleep(0);
  expect(order).toEqual(["c 30"]);
  held[1]?.shrink(0);
  await sleep(0);
  expect(order).toEqual(["c 30", "d 50", "e 1"]);
  for (const claim of waiting) claim.stopWaiting();
});

test("refuses after the time for waiting, with a hint, and serves who is behind", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const budget = createByteBudget({ maxBytes: 100, maxWaitMs: 50, verb: "holds" });
  await budget.claim("a", 50).granted;
  await budget.claim("b", 20).granted;
  const late = failure(budget.claim("c", 40).granted);
  vi.advanceTimersByTime(25);
  const behind = budget.claim("d", 30);
  expect(await settled(behind.granted)).toBe(false);
  vi.advanceTimersByTime(25);
  expect(await late).toMatchObject({ rawMessage: expect.stringContaining("as it may") });
  await behind.granted;
  expect(budget.used).toBe(100);
});

test("refuses at once when too many wait, of one owner half of them", async () => {
  const budget = open();
  const first = budget.claim("a", 50);
  const waiting = Array.from({ length: 1_000 }, () => budget.claim("a", 50));
  await failure(budget.claim("a", 50).granted);
  expect(await settled(budget.claim("b", 50).granted)).toBe(true);
  for (const claim of waiting) claim.stopWaiting();
  first.shrink(0);
  expect(budget.used).toBe(50);
  expect(await settled(budget.claim("a", 50).granted)).toBe(true);
});

test("forgets a claim that stops waiting, and gives back no more than was held", async () => {
  const budget = open();
  const held = budget.claim("a", 50);
  const gone = budget.claim("a", 50);
  gone.stopWaiting();
  await gone.granted;
  gone.shrink(0);
  held.stopWaiting();
  expect(budget.used).toBe(50);
  held.shrink(0);
  held.shrink(0);
  expect(budget.used).toBe(0);
});
