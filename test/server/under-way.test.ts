import { expect, it } from "vitest";
import { seededRandom } from "../../bench/random.js";
import { type Placed, UnderWay } from "../../src/server/under-way.js";

it("has what was added and not deleted, whatever the order", () => {
  const random = seededRandom(7);
  const underWay = new UnderWay();
  const expected: Placed[] = [];
  for (let step = 0; step < 2_000; step++) {
    if (expected.length === 0 || random() < 0.5) {
      const one = { place: 0 };
      underWay.add(one);
      expected.push(one);
    } else {
      const [one] = expected.splice(Math.floor(random() * expected.length), 1);
      if (one !== undefined) underWay.delete(one);
    }
    expect(underWay.size).toBe(expected.length);
    const listed = new Set(underWay.list());
    expect(listed.size).toBe(expected.length);
    expect(expected.every((one) => listed.has(one))).toBe(true);
  }
});

it("lists all, while they are deleted", () => {
  const underWay = new UnderWay();
  for (let i = 0; i < 5; i++) underWay.add({ place: 0 });
  for (const one of underWay.list()) underWay.delete(one);
  expect(underWay.size).toBe(0);
});
