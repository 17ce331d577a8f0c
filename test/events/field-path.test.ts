import { expect, it } from "vitest";
import { fieldPath, type Place } from "../../src/events/field-path.js";

const pathOf = (...keys: (string | number)[]) => {
  const last = keys.pop() ?? "";
  const parent = keys.reduce<Place | undefined>(
    (place, key) => ({ parent: place, key }),
    undefined,
  );
  return fieldPath(parent, last);
};

it.each([
  [["amount"], "amount"],
  [["payload", "amount"], "payload.amount"],
  [["items", 2, "unit-price"], "items[2].unit-price"],
  [["a b", "é"], '["a b"]["é"]'],
  [["payload", "a.b"], 'payload["a.b"]'],
  [["\0", "\ud800"], '["\\u0000"]["\\ud800"]'],
  [["", "0"], '[""]["0"]'],
])("the path of %j is %s", (keys, path) => {
  expect(pathOf(...keys)).toBe(path);
});

it("is cut to 200 bytes, between characters", () => {
  const path = pathOf(...Array.from({ length: 32 }, () => "😀".repeat(40)));
  expect(Buffer.byteLength(path)).toBeLessThanOrEqual(200);
  expect(Buffer.byteLength(path)).toBeGreaterThan(196);
  expect(path.isWellFormed() && !path.includes("\ufffd")).toBe(true);
});
