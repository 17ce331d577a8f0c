import { beforeEach, describe, expect, it } from "vitest";
import { createRests, type Rests } from "../../src/group-commit/rests.js";

let clock: number;
let rests: Rests;
beforeEach(() => {
  clock = 0;
  rests = createRests(() => clock);
});

describe("the rest after a statement", () => {
  it("is none after a small one", () => {
    rests.after(1, 30);
    expect(rests.after(100, 30)).toBe(0);
  });

  it("is none while nobody writes little", () => {
    rests.after(1_000, 40);
    expect(rests.after(1_000, 40)).toBe(0);
  });

  it("is as long as the slowest small one of the last second", () => {
    rests.after(1, 5);
    rests.after(100, 9);
    rests.after(1, 3);
    expect(rests.after(101, 40)).toBe(9);
    clock = 999;
    expect(rests.after(1_000, 40)).toBe(9);
    clock = 1_000;
    expect(rests.after(1_000, 40)).toBe(0);
    rests.after(1, 3);
    expect(rests.after(1_000, 40)).toBe(3);
  });

  it("is no longer than the large one took, nor than 50 ms", () => {
    rests.after(1, 10_000);
    expect(rests.after(1_000, 20)).toBe(20);
    expect(rests.after(1_000, 10_000)).toBe(50);
  });
});
