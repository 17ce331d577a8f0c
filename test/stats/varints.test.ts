import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fromZigzag, readVarint, toZigzag, writeVarint } from "../../src/stats/varints.js";

const anyValue = fc.oneof(
  fc.nat(300),
  fc.maxSafeNat(),
  fc.nat(53).map((bits) => 2 ** bits - 1),
  fc.nat(52).map((bits) => 2 ** bits),
);

describe("a varint", () => {
  it("is as long as it has sevens of bits", () => {
    expect(written(0)).toEqual([0]);
    expect(written(127)).toEqual([127]);
    expect(written(128)).toEqual([0x80, 1]);
    expect(written(300)).toEqual([0xac, 2]);
    expect(written(2 ** 53 - 1)).toEqual([255, 255, 255, 255, 255, 255, 255, 15]);
  });

  it("is read as it was written, where it was written", () => {
    fc.assert(
      fc.property(anyValue, fc.nat(5), (value, start) => {
        const bytes = new Uint8Array(start + 8);
        const end = writeVarint(bytes, start, value);
        const cursor = { bytes, at: start };
        expect(readVarint(cursor)).toBe(value);
        expect(cursor.at).toBe(end);
        expect(() => readVarint({ bytes: bytes.subarray(0, end - 1), at: start })).toThrow(
          RangeError,
        );
      }),
    );
  });

  it.each([[[]], [[0x80]], [[0xff, 0xff]], [[255, 255, 255, 255, 255, 255, 255, 255, 1]]])(
    "is not %j",
    (bytes) => {
      expect(() => readVarint({ bytes: Uint8Array.from(bytes), at: 0 })).toThrow(RangeError);
    },
  );

  it.each([-1, 2 ** 53, Number.NaN])("is never written for %d", (value) => {
    expect(() => writeVarint(new Uint8Array(9), 0, value)).toThrow(RangeError);
  });
});

describe("a zigzag number", () => {
  it("is short near 0", () => {
    expect([0, -1, 1, -2, 2].map(toZigzag)).toEqual([0, 1, 2, 3, 4]);
  });

  it("is what it was", () => {
    fc.assert(
      fc.property(fc.integer({ min: -(2 ** 52), max: 2 ** 52 - 1 }), (value) => {
        expect(fromZigzag(toZigzag(value))).toBe(value);
      }),
    );
  });
});

function written(value: number): number[] {
  const bytes = new Uint8Array(8);
  return [...bytes.subarray(0, writeVarint(bytes, 0, value))];
}
