import fc from "fast-check";
import { expect, it } from "vitest";
import { byteaArray, parseNumbers, plainArray } from "../../src/db/array-literal.js";
import { createArrayWriter } from "../../src/db/array-writer.js";

it("writes what joining the texts would", () => {
  const value = fc.oneof(
    fc.integer(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
    fc.boolean(),
    fc.constant(null),
  );
  fc.assert(
    fc.property(fc.array(value, { maxLength: 50 }), (values) => {
      const writer = createArrayWriter();
      for (const each of values) writer.plain(each);
      expect(writer.end()).toBe(plainArray(values));
    }),
  );
});

it("writes bytes, also more than it had room for", () => {
  const bytes = fc.uint8Array({ maxLength: 5_000 });
  fc.assert(
    fc.property(fc.array(bytes, { maxLength: 20 }), (values) => {
      const writer = createArrayWriter();
      for (const each of values) writer.bytes(each);
      expect(writer.end()).toBe(byteaArray(values));
    }),
  );
});

it("reads the numbers that it wrote", () => {
  const number = fc.option(fc.maxSafeInteger().map(Math.abs));
  fc.assert(
    fc.property(fc.array(number), (numbers) => {
      expect(parseNumbers(plainArray(numbers))).toEqual(numbers.map((each) => each ?? -1));
    }),
  );
});
