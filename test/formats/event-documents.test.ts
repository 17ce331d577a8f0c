import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type EventFormat, readEvents } from "../../src/formats/event-documents.js";
import { MAX_EVENT_BYTES } from "../../src/formats/event-item.js";

/** Reads a text that comes in pieces of so many bytes; events as text with their line, problems by their message. */
async function read(format: EventFormat, text: string | Uint8Array, pieceBytes = 3) {
  const bytes = Buffer.from(text as string);
  async function* chunks() {
    for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
  }
  const found: [number, string][] = [];
  for await (const item of readEvents(format, chunks())) {
    found.push([
      item.line,
      item.kind === "event" ? Buffer.from(item.bytes).toString("latin1") : `! ${item.message}`,
    ]);
  }
  return found;
}

describe("a JSON file", () => {
  it.each<[string, string, [number, string][]]>([
    ["one object, with all its bytes", ' {"a": 1.00}\n', [[1, ' {"a": 1.00}\n']]],
    ["one object on a later line", '\n\n{"a":1}', [[3, '\n\n{"a":1}']]],
    ["a scalar, which the server refuses", "12", [[1, "12"]]],
    ["two values that are no array, as one", "{} {}", [[1, "{} {}"]]],
    [
      "an array",
      '[{"a":1},{"b":2}]',
      [
        [1, '{"a":1}'],
        [1, '{"b":2}'],
      ],
    ],
    [
      "an array over lines, without the blanks between",
      '\n[\n  {\n "a": 1 } ,\r\n\t{"b":2}\n]\n',
      [
        [3, '{\n "a": 1 }'],
        [5, '{"b":2}'],
      ],
    ],
    [
      "numbers with every digit",
      "[123456789012345678901234567890.10,1e400]",
      [
        [1, "123456789012345678901234567890.10"],
        [1, "1e400"],
      ],
    ],
    [
      "brackets, commas and quotes in strings",
      '["[,\\"]", {"]":"}\\\\"}]',
      [
        [1, '"[,\\"]"'],
        [1, '{"]":"}\\\\"}'],
      ],
    ],
    [
      "arrays in the array",
      "[[1,[2]],[]]",
      [
        [1, "[1,[2]]"],
        [1, "[]"],
      ],
    ],
    ["an empty array", "[ \n ]", []],
    [
      "a missing value, and the others",
      "[1,,2,]",
      [
        [1, "1"],
        [1, "! a value is missing"],
        [1, "2"],
        [1, "! a value is missing"],
      ],
    ],
    [
      "brackets that do not match, for the server to refuse",
      "[{]},2}]",
      [
        [1, "{]}"],
        [1, "2}"],
      ],
    ],
    [
      "what follows the array, once",
      '[1]\n{"a":1},2',
      [
        [1, "1"],
        [2, "! something follows the array"],
      ],
    ],
    [
      "an array that is cut off",
      '[{"a":1},\n{"b":',
      [
        [1, '{"a":1}'],
        [2, "! the array is cut off inside the event of line 2"],
      ],
    ],
    [
      "an array that is cut off between events",
      "[1,\n",
      [
        [1, "1"],
        [2, "! the array is cut off"],
      ],
    ],
    ["nothing", " \n", [[2, "! there is no JSON in it"]]],
    ["a byte order mark", "\ufeff[1]", [[1, "1"]]],
  ])("with %s", async (_, text, expected) => {
    for (const pieceBytes of [1, 2, 3, 1000]) {
      expect(await read("json", text, pieceBytes)).toEqual(expected);
    }
  });

  it("with invalid UTF-8 gives the bytes as they are", async () => {
    const bytes = Buffer.concat([Buffer.from('["'), Buffer.from([0xff, 0xc3]), Buffer.from('"]')]);
    expect(await read("json", bytes)).toEqual([[1, '"\xff\xc3"']]);
  });

  it("gives the elements of any array, however it is written and cut", async () => {
    const blanks = fc.constantFrom("", " ", "\n", "\r\n\t");
    const arrays = fc.record({
      values: fc.array(fc.jsonValue()),
      blank: blanks,
      pieceBytes: fc.integer({ min: 1, max: 9 }),
    });
    await fc.assert(
      fc.asyncProperty(arrays, async ({ values, blank, pieceBytes }) => {
        const texts = values.map((value) => JSON.stringify(value));
        const file = `${blank}[${texts.map((text) => blank + text + blank).join(",")}${blank}]${blank}`;
        const found = await read("json", file, pieceBytes);
        expect(found.map(([, text]) => Buffer.from(text, "latin1").toString())).toEqual(texts);
      }),
    );
  });
});

describe("a file of lines", () => {
  it.each<[string, string, [number, string][]]>([
    [
      "lines, the last without an end",
      '{"a":1}\n{"b":2}',
      [
        [1, '{"a":1}'],
        [2, '{"b":2}'],
      ],
    ],
    [
      "blank lines, which are counted",
      "1\n\n \t\r\n2\n",
      [
        [1, "1"],
        [4, "2"],
      ],
    ],
    ["the bytes of a line but for its LF", ' {"a":1} \r\n', [[1, ' {"a":1} \r']]],
    ["nothing", "", []],
    ["a byte order mark", "\ufeff1\n", [[1, "1"]]],
  ])("with %s", async (_, text, expected) => {
    for (const pieceBytes of [1, 3, 1000]) {
      expect(await read("ndjson", text, pieceBytes)).toEqual(expected);
    }
  });
});

describe("an event that no message holds", () => {
  const fits = `"${"x".repeat(MAX_EVENT_BYTES - 2)}"`;
  const tooLong = `"${"x".repeat(MAX_EVENT_BYTES - 1)}"`;
  it.each<[EventFormat, string]>([
    ["json", `[1,${tooLong},${fits},2]`],
    ["ndjson", `1\n${tooLong}\n${fits}\n2`],
  ])("is left out of %s, the others are not", async (format, text) => {
    const found = (await read(format, text, 65_536)).map(([, item]) => item);
    expect(found.map((item) => (item.startsWith("!") ? "!" : item.length))).toEqual([
      1,
      "!",
      MAX_EVENT_BYTES,
      1,
    ]);
  });
});
