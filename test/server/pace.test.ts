import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, it } from "vitest";
import { createPace } from "../../src/server/pace.js";

it("begins at once what fits into the turn, and the rest in later turns, in order", async () => {
  const begun: number[] = [];
  const pace = createPace(2);
  for (let i = 0; i < 5; i++) pace(() => begun.push(i));
  expect(begun).toEqual([0, 1]);
  await nextTurn();
  expect(begun).toEqual([0, 1, 2, 3]);
  pace(() => begun.push(5));
  await nextTurn();
  expect(begun).toEqual([0, 1, 2, 3, 4, 5]);
});

it("lets nobody pass those who wait", async () => {
  const begun: string[] = [];
  const pace = createPace(1);
  pace(() => pace(() => begun.push("first")));
  pace(() => begun.push("second"));
  await nextTurn();
  pace(() => begun.push("third"));
  expect(begun).toEqual(["first"]);
  await nextTurn();
  await nextTurn();
  expect(begun).toEqual(["first", "second", "third"]);
});

it("has a whole turn for calls that come after a quiet time", async () => {
  const begun: number[] = [];
  const pace = createPace(2);
  pace(() => begun.push(0));
  await nextTurn();
  for (let i = 1; i < 4; i++) pace(() => begun.push(i));
  expect(begun).toEqual([0, 1, 2]);
});
