import { create, fromBinary, fromJson, type JsonObject, toBinary } from "@bufbuild/protobuf";
import { StructSchema } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { canonicalJson } from "../../src/events/canonical-json.js";
import { convertStruct, structText } from "../../src/events/convert-struct.js";
import { judgeEvent } from "../../src/events/judge-event.js";
import { accepted, eventWith, RECEIVED_AT_US } from "./judge.js";

const violationsOf = (struct: JsonObject) =>
  convertStruct(struct).violations.list.map(({ field, description }) => `${field}: ${description}`);

describe("an event that comes as a Struct", () => {
  it("is the event that the same JSON is", () => {
    const json = eventWith({ amount: 12.5, path: "/a", payload: { plan: [1, 0.1, null, true] } });
    const options = { policy: "strict", receivedAtUs: RECEIVED_AT_US } as const;
    expect(judgeEvent(json as JsonObject, options)).toEqual(accepted(json));
  });

  it("keeps what a double keeps", () => {
    const struct = { a: 0.1, b: 9007199254740991, c: -1.5e-7, d: -0 };
    expect(violationsOf(struct)).toEqual([]);
    expect(canonicalJson(convertStruct(struct).fields)).toBe(
      '{"a":0.1,"b":9007199254740991,"c":-1.5e-7,"d":0}',
    );
  });

  const changed = "beyond 2^53 - 1 a Struct may have changed its digits: send a string";
  const none = "JSON has no such number: send a string";
  it.each<[string, JsonObject, string]>([
    ["2^53", { p: { a: 2 ** 53 } }, `p.a: is 9007199254740992: ${changed}`],
    ["-2^53", { a: [-(2 ** 53)] }, `a[0]: is -9007199254740992: ${changed}`],
    ["1e300", { a: 1e300 }, `a: is 1e+300: ${changed}`],
    ["NaN", { a: Number.NaN }, `a: is NaN: ${none}`],
    ["infinity", { a: -Infinity }, `a: is -Infinity: ${none}`],
    ["NUL", { a: "x\0" }, 'a: is no valid text: it contains a NUL character: "x\\u0000"'],
    ["NUL in a key", { "\0": 1 }, '["\\u0000"]: is no valid key: it contains a NUL character'],
    [
      "half a pair",
      { a: ["\ud800"] },
      'a[0]: is no valid text: it contains half of a surrogate pair: "\\ud800"',
    ],
    ["too much", { a: "x".repeat(262_137) }, "body: has 262145 bytes as JSON, at most 262144"],
  ])("with %s is refused", (_, struct, violation) => {
    expect(violationsOf(struct)).toEqual([violation]);
  });

  it("may have 32 levels and no more", () => {
    const nested = (levels: number): JsonObject => {
      let object: JsonObject = {};
      for (let level = 1; level < levels; level++) object = { a: object };
      return object;
    };
    expect(violationsOf(nested(32))).toEqual([]);
    expect(violationsOf(nested(33))).toEqual([
      `${"a.".repeat(31)}a: is nested deeper than 32 levels`,
    ]);
    expect(violationsOf(nested(100_000))).toHaveLength(1);
  });

  it("has null where a Value is not set", () => {
    const message = create(StructSchema, { fields: { a: { kind: { case: undefined } } } });
    const decoded = fromBinary(StructSchema, toBinary(StructSchema, message));
    expect(decoded.fields["a"]?.kind.case).toBeUndefined();
    expect(canonicalJson(convertStruct({ a: null }).fields)).toBe('{"a":null}');
  });

  it("loses a field __proto__ before Tally sees it, and no prototype changes", () => {
    const struct = fromJson(StructSchema, JSON.parse('{"a":1,"__proto__":{"polluted":1}}'));
    expect(Object.keys(struct.fields)).toEqual(["a"]);
    expect("polluted" in {}).toBe(false);
  });
});

describe("what is kept of a Struct", () => {
  it("is its JSON", () => {
    const struct = { a: [1, 0.1, null, { b: "x\0\ud800" }], "": {}, c: -1e-7 };
    expect(structText(struct)).toBe(JSON.stringify(struct));
  });

  it("marks numbers that have to be mended", () => {
    const struct = { a: [2 ** 60, { b: Number.NaN }], c: -Infinity, d: "x" };
    expect(structText(struct)).toBe('{"a":[~1152921504606847000,{"b":NaN}],"c":-Infinity,"d":"x"}');
  });
});
