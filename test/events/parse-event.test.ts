import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type JsonNode, JsonNumber } from "../../src/events/json-tree.js";
import { parseEvent } from "../../src/events/parse-event.js";

const parse = (json: string | Uint8Array) =>
  parseEvent(typeof json === "string" ? Buffer.from(json) : json);
const violationsOf = (json: string | Uint8Array) =>
  parse(json).violations.list.map(({ field, description }) => `${field}: ${description}`);

describe("an event's JSON", () => {
  it("keeps the text of every number", () => {
    const { fields, violations } = parse('{"a":9007199254740993,"b":1.10,"c":-0,"d":1E+400}');
    expect(violations.list).toEqual([]);
    expect([...fields.values()]).toEqual(
      ["9007199254740993", "1.10", "-0", "1E+400"].map((text) => new JsonNumber(text)),
    );
  });

  it("may have white space everywhere, and a byte order mark", () => {
    const { fields, violations } = parse('\ufeff \n\t{ "a" :\r\n[ 1 , true ] , "b" : { } }\n');
    expect(violations.list).toEqual([]);
    expect(plain(fields)).toEqual({ a: [1, true], b: {} });
  });

  it("may have keys that other programs stumble over", () => {
    const { fields, violations } = parse('{"constructor":{"prototype":1},"toString":2,"":3}');
    expect(violations.list).toEqual([]);
    expect([...fields.keys()]).toEqual(["constructor", "toString", ""]);
  });

  it.each<[string, string | Uint8Array, string]>([
    ["nothing", "", "body: is empty"],
    ["white space alone", " \n\ufeff ", "body: is empty"],
    ["a scalar", "12", "body: an event is a JSON object, got a number"],
    ["a text", '"a"', "body: an event is a JSON object, got a string"],
    ["null", "null", "body: an event is a JSON object, got null"],
    ["an array", '[{"a":1}]', "body: an event is a JSON object, got an array"],
    [
      "a cut key",
      '{"a',
      'body: line 1, column 4: expected a character of a string or its closing ", the event ends',
    ],
    ["a cut value", '{"a":', "body: line 1, column 6: expected a value, the event ends"],
    ["a cut object", '{"a":1', 'body: line 1, column 7: expected "," or "}", the event ends'],
    ["a cut array", '{"a":[1', 'body: line 1, column 8: expected "," or "]", the event ends'],
    ["a cut word", '{"a":tru', 'body: line 1, column 6: expected a value, got "t"'],
    ["no colon", '{"a" 1}', 'body: line 1, column 6: expected ":" after the key, got "1"'],
    ["no comma", '{\n"a":1\n"b":2}', 'body: line 3, column 1: expected "," or "}", got "\\""'],
    [
      "a comma too much",
      '{"a":1,}',
      'body: line 1, column 8: expected a key in double quotes, got "}"',
    ],
    ["a comma in an array", '{"a":[1,]}', 'body: line 1, column 9: expected a value, got "]"'],
    [
      "single quotes",
      "{'a':1}",
      'body: line 1, column 2: expected a key in double quotes, got "\'"',
    ],
    ["a comment", '{"a":1/*x*/}', 'body: line 1, column 7: expected "," or "}", got "/"'],
    ["NaN", '{"a":NaN}', 'body: line 1, column 6: expected a value, got "N"'],
    ["a plus", '{"a":+1}', 'body: line 1, column 6: expected a value, got "+"'],
    ["a bare point", '{"a":1.}', 'body: line 1, column 8: expected a digit, got "}"'],
    ["a bare exponent", '{"a":1e}', 'body: line 1, column 8: expected a digit, got "}"'],
    ["a bare minus", '{"a":-}', 'body: line 1, column 7: expected a digit, got "}"'],
    ["a leading zero", '{"a":01}', 'body: line 1, column 7: expected "," or "}", got "1"'],
    [
      "two events",
      '{"a":1}\n{"a":2}',
      'body: line 2, column 1: expected the end of the event, got "{"',
    ],
    [
      "a raw control character",
      '{"a":"x\ty"}',
      'body: line 1, column 8: expected a character of a string or its closing ", got "\\t"',
    ],
    [
      "a bad escape",
      '{"a":"\\x"}',
      'body: line 1, column 6: the string has a "\\" that begins no escape',
    ],
    [
      "a cut escape",
      '{"a":"\\u00"}',
      'body: line 1, column 6: the string has a "\\" that begins no escape',
    ],
    [
      "a character beyond 16 bits",
      "{😀",
      'body: line 1, column 2: expected a key in double quotes, got "😀"',
    ],
    ["a repeated key", '{"p":{"a":1,\n "a":1}}', "p.a: occurs twice, again at line 2, column 2"],
    [
      "a key that repeats by an escape",
      '{"a":1,"\\u0061":2}',
      "a: occurs twice, again at line 1, column 8",
    ],
    [
      "NUL in a text",
      '{"a":["x\\u0000"]}',
      'a[0]: is no valid text: it contains a NUL character: "x\\u0000"',
    ],
    [
      "NUL in a key",
      '{"p":{"a\\u0000":1}}',
      'p["a\\u0000"]: is no valid key: it contains a NUL character',
    ],
    [
      "half a pair",
      '{"a":"\\ud83d x"}',
      'a: is no valid text: it contains half of a surrogate pair: "\\ud83d x"',
    ],
    [
      "half a pair in a key",
      '{"\\udc00":1}',
      '["\\udc00"]: is no valid key: it contains half of a surrogate pair',
    ],
    [
      "__proto__",
      '{"__proto__":{"a":1}}',
      "__proto__: is no valid key: JavaScript programs take it for a prototype",
    ],
    [
      "__proto__ within",
      '{"a":[{"__proto__":1}]}',
      "a[0].__proto__: is no valid key: JavaScript programs take it for a prototype",
    ],
    [
      "bytes that are no UTF-8",
      Buffer.from('{"a":\n"\xff"}', "latin1"),
      "body: line 2, column 2: the bytes are not valid UTF-8",
    ],
    [
      "a cut character",
      Buffer.from("7b22efbf22", "hex"),
      "body: line 1, column 3: the bytes are not valid UTF-8",
    ],
    [
      "a surrogate as bytes",
      Buffer.from("7b22eda08022", "hex"),
      "body: line 1, column 3: the bytes are not valid UTF-8",
    ],
    [
      "UTF-16",
      Buffer.from('\ufeff{"a":1}', "utf16le"),
      "body: line 1, column 1: the bytes are not valid UTF-8",
    ],
  ])("with %s is refused", (_, json, violation) => {
    expect(violationsOf(json)).toEqual([violation]);
  });

  it("names all faults of keys and texts at once", () => {
    const fields = violationsOf('{"a":1,"a":"\\u0000","b":{"c":[1,"\\ud800"]},"__proto__":2}');
    expect(fields.map((text) => text.split(":")[0])).toEqual(["a", "a", "b.c[1]", "__proto__"]);
  });

  it("does not let faults grow with what is sent", () => {
    const { violations } = parse(`{${'"a":1,'.repeat(40_000)}"b":2}`);
    expect([violations.list.length, violations.truncated]).toEqual([32, true]);
  });

  it("may have 32 levels and no more", () => {
    const nested = (levels: number) => `${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`;
    expect(violationsOf(nested(32))).toEqual([]);
    const tooDeep = "body: line 1, column 161: is nested deeper than 32 levels";
    expect(violationsOf(nested(33))).toEqual([tooDeep]);
    expect(violationsOf(nested(1000))).toEqual([tooDeep]);
    expect(violationsOf("[".repeat(256 * 1024))).toEqual([
      "body: line 1, column 33: is nested deeper than 32 levels",
    ]);
  });

  it("may have 256 KiB and no more", () => {
    const sized = (bytes: number) => `{"a":"${"x".repeat(bytes - 8)}"}`;
    expect(violationsOf(sized(256 * 1024))).toEqual([]);
    expect(violationsOf(sized(256 * 1024 + 1))).toEqual(["body: has 262145 bytes, at most 262144"]);
  });

  it("never changes a prototype", () => {
    parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}');
    expect("polluted" in {}).toBe(false);
  });

  it("yields the fields before the fault", () => {
    const { fields, isComplete } = parse('{"source":"A","n":1,"x":');
    expect([plain(fields), isComplete]).toEqual([{ source: "A", n: 1 }, false]);
  });
});

describe("compared with JSON.parse", () => {
  it("reads what it reads", () => {
    fc.assert(
      fc.property(fc.object({ withNullPrototype: false }), fc.nat(4), (value, indent) => {
        const json = JSON.stringify(value, undefined, indent);
        const { fields, violations } = parse(json);
        if (violations.list.every(({ description }) => !OUR_OWN.test(description))) {
          expect(violations.list).toEqual([]);
          expect(plain(fields)).toEqual(JSON.parse(json));
        }
      }),
    );
  });

  it("refuses what it refuses, and nothing else but our own rules", () => {
    fc.assert(
      fc.property(mutatedJson, (json) => {
        const { fields, violations } = parse(json);
        const faults = violations.list.map(({ description }) => description);
        const expected = tryParse(json.replace(/^\ufeff/, ""));
        if (faults.length === 0) expect(plain(fields)).toEqual(expected.value);
        else if (expected.isObject)
          expect(faults.filter((each) => !OUR_OWN.test(each))).toEqual([]);
      }),
      { numRuns: 2000 },
    );
  });
});

/** Of what JSON.parse takes. */
const OUR_OWN = /^(occurs twice|is no valid (text|key))/;

/** JSON texts with a few characters changed, so that most are nearly JSON. */
const mutatedJson = fc
  .tuple(
    fc.object({ key: fc.constantFrom("a", "b", "__proto__", "é"), maxDepth: 2 }),
    fc.array(
      fc.tuple(fc.nat(), fc.constantFrom(...'{}[]":,\\0-.e1tn \n\0u', "\ufeff", "\\u0000")),
      {
        maxLength: 3,
      },
    ),
  )
  .map(([value, changes]) => {
    let json = JSON.stringify(value);
    for (const [where, text] of changes) {
      const at = where % (json.length + 1);
      json = json.slice(0, at) + text + json.slice(at + (where % 2));
    }
    return json.toWellFormed();
  });

function tryParse(json: string): { isObject: boolean; value?: unknown } {
  try {
    const value: unknown = JSON.parse(json);
    return {
      isObject: typeof value === "object" && value !== null && !Array.isArray(value),
      value,
    };
  } catch {
    return { isObject: false };
  }
}

/** As JSON.parse would make it. */
function plain(node: JsonNode): unknown {
  if (node instanceof JsonNumber) return Number(node.text);
  if (typeof node !== "object" || node === null) return node;
  if (!(node instanceof Map)) return (node as readonly JsonNode[]).map(plain);
  return Object.fromEntries([...node].map(([key, value]) => [key, plain(value)]));
}
