import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, it } from "vitest";
import { createPace } from "../../src/server/pace.js";

const one = {};
const other = {};

it("begins at once what fits into the turn, and the rest in later turns, in order", async () => {
  const begun: number[] = [];
  const pace = createPace(2);
  for (let i = 0; i < 5; i++) pace(one, () => begun.push(i));
  expect(begun).toEqual([0, 1]);
  await nextTurn();
  expect(begun).toEqual([0, 1, 2, 3]);
  pace(one, () => begun.push(5));
  expect(begun).toEqual([0, 1, 2, 3]);
  await nextTurn();
  expect(begun).toEqual([0, 1, 2, 3, 4, 5]);
});

it("lets a connection with one call pass another's many", async () => {
  const begun: string[] = [];
  const pace = createPace(2);
  for (let i = 0; i < 50; i++) pace(one, () => begun.push(`one ${i}`));
  pace(other, () => begun.push("other"));
  await nextTurn();
  expect(begun).toEqual(["one 0", "one 1", "one 2", "other"]);
});

it("has a whole turn for calls that come after a quiet time", async () => {
  const begun: number[] = [];
  const pace = createPace(2);
  pace(one, () => begun.push(0));
  await nextTurn();
  for (let i = 1; i < 4; i++) pace(one, () => begun.push(i));
  expect(begun).toEqual([0, 1, 2]);
});
