import { setFlagsFromString } from "node:v8";
import { runInThisContext } from "node:vm";
import { expect, it } from "vitest";
import { toRow } from "../../src/db/rows.js";

const columnsOf = (names: readonly string[]) => names.map((name) => ({ name }));

it("has each value under the name of its column, in their order", () => {
  const columns = columnsOf(["b", "a", "?column?", '"quoted\\"']);
  const row = toRow([1, null, [2], "x"], columns);
  expect(Object.entries(row)).toEqual([
    ["b", 1],
    ["a", null],
    ["?column?", [2]],
    ['"quoted\\"', "x"],
  ]);
  expect(toRow([2, 2, 2, 2], columns)).not.toBe(row);
  expect(row).toMatchObject({ b: 1 });
});

it("has the last value of columns with one name, and nothing where there are none", () => {
  expect(toRow([1, 2, 3], columnsOf(["a", "b", "a"]))).toEqual({ a: 3, b: 2 });
  expect(toRow([], [])).toEqual({});
});

it("is no hash table, however many columns there are", () => {
  const names = Array.from({ length: 33 }, (_, i) => `column ${i}`);
  const row = toRow(names, columnsOf(names));
  // What the driver would make.
  const grown: Record<string, unknown> = {};
  for (const name of names) grown[`grown ${name}`] = name;
  setFlagsFromString("--allow-natives-syntax");
  try {
    const hasShape: (of: object) => boolean = runInThisContext("(of) => %HasFastProperties(of)");
    expect([row, grown].map((of) => hasShape(of))).toEqual([true, false]);
  } finally {
    setFlagsFromString("--no-allow-natives-syntax");
  }
});
