import { expect, it } from "vitest";
import { chooseCoding } from "../../src/server/content-coding.js";

it.each([
  ["gzip, deflate, br, zstd", "br"],
  ["gzip, deflate", "gzip"],
  ["GZIP", "gzip"],
  ["", "identity"],
  ["deflate", "identity"],
  ["*", "br"],
  ["br;q=0, *", "gzip"],
  ["br;q=0.5, gzip;q=0.8", "gzip"],
  ["br;q=0.5,gzip;q=0.5", "br"],
  ["br ; q=0.001", "br"],
  ["br;q=0, gzip;q=0.000", "identity"],
  ["identity, br;q=0.9", "identity"],
  ["identity;q=0.5, gzip;q=1.0", "gzip"],
  ["gzip;q=0.5, *;q=0.7", "br"],
  ["identity;q=0, *;q=0", "identity"],
  ["br;q=2, gzip;q=nonsense, ;;;, =", "identity"],
  ["br;level=9, gzip", "gzip"],
])("of br and gzip, %j gets %s", (header, coding) => {
  expect(chooseCoding(header, ["br", "gzip"])).toBe(coding);
});

it("takes what there is", () => {
  expect(chooseCoding("br, gzip", ["gzip"])).toBe("gzip");
  expect(chooseCoding("br, gzip", [])).toBe("identity");
});
