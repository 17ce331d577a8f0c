import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type JsonNode, JsonNumber } from "../../src/events/json-tree.js";
import { readAmount } from "../../src/events/read-amount.js";
import { readName } from "../../src/events/read-name.js";
import { readTime } from "../../src/events/read-time.js";

const number = (text: string) => new JsonNumber(text);
const show = (node: JsonNode) => (node instanceof JsonNumber ? node.text : JSON.stringify(node));
/** A row's first cell as its name. */
const named = <T>(rows: [JsonNode, T][]): [string, JsonNode, T][] =>
  rows.map(([node, expected]) => [show(node).slice(0, 60), node, expected]);

const limit = (digits: string, side: string) =>
  `has more than ${digits} digits ${side} the decimal point`;
const tooLarge = limit("30", "before");
const tooFine = limit("30", "after");

describe("an amount", () => {
  it.each(
    named<string>([
      [number("1200"), "1200"],
      [number("-0"), "0"],
      [number("0.0e-999999999999"), "0"],
      [number("1.50"), "1.5"],
      [number("1e3"), "1000"],
      [number("1.25E+1"), "12.5"],
      [number("-12.5e-2"), "-0.125"],
      [number("9007199254740993"), "9007199254740993"],
      [number("1e29"), `1${"0".repeat(29)}`],
      [number("1e-15"), "0.000000000000001"],
      [number(`${"9".repeat(30)}.${"9".repeat(15)}`), `${"9".repeat(30)}.${"9".repeat(15)}`],
      [number(`1.${"0".repeat(200)}`), "1"],
      [`${"0".repeat(200)}7`, "7"],
      ["1200", "1200"],
      [" 1200.00\n", "1200"],
      ["+5", "5"],
      ["-5", "-5"],
      ["007", "7"],
      [".5", "0.5"],
      ["5.", "5"],
      ["-0.0", "0"],
      ["1e3", "1000"],
      ["100e-2", "1"],
      ["1,200", "1200"],
      ["1,200.50", "1200.5"],
      ["-12,345,678.9", "-12345678.9"],
      ["+100,000", "100000"],
    ]),
  )("%s is exact", (_, node, value) => {
    expect(readAmount(node)).toMatchObject({ value });
  });

  it("with commas is read with a word of doubt, without them with none", () => {
    expect(readAmount("1,200")).toEqual({ value: "1200", assumed: '"1,200" was read as 1200' });
    expect(readAmount("1200")).toEqual({ value: "1200" });
  });

  const advice =
    "is ambiguous: a comma separates groups of three digits, a point begins the fraction";
  it.each(
    named<string>([
      ["", '"" is not a number'],
      ["  ", '"  " is not a number'],
      ["invalid_number", '"invalid_number" is not a number'],
      [".", '"." is not a number'],
      ["-", '"-" is not a number'],
      ["e5", '"e5" is not a number'],
      ["1e", '"1e" is not a number'],
      ["--1", '"--1" is not a number'],
      ["1.2.3", '"1.2.3" is not a number'],
      ["0x10", '"0x10" is not a number'],
      ["1_000", '"1_000" is not a number'],
      ["1 200", '"1 200" is not a number'],
      ["$5", '"$5" is not a number'],
      ["5 €", '"5 €" is not a number'],
      ["NaN", '"NaN" is not a number'],
      ["Infinity", '"Infinity" is not a number'],
      ["٣", '"٣" is not a number'],
      ["1,20", `"1,20" ${advice}`],
      ["0,123", `"0,123" ${advice}`],
      ["1,2000", `"1,2000" ${advice}`],
      ["1200,500", `"1200,500" ${advice}`],
      ["1.200,50", `"1.200,50" ${advice}`],
      ["1,200e3", `"1,200e3" ${advice}`],
      [",100", `",100" ${advice}`],
      [number("1e400"), `1e400 ${tooLarge}`],
      ["1e400", `"1e400" ${tooLarge}`],
      [number("1e-400"), `1e-400 ${tooFine}`],
      [number("1e99999999999999999999999"), `1e99999999999999999999999 ${tooLarge}`],
      [number("1e-99999999999999999999999"), `1e-99999999999999999999999 ${tooFine}`],
      [number("1e30"), `1e30 ${tooLarge}`],
      [number("1e-31"), `1e-31 ${tooFine}`],
      [true, "true is not a number"],
      [[number("1")], "an array is not a number"],
      [new Map(), "an object is not a number"],
    ]),
  )("%s is refused", (_, node, fault) => {
    expect(readAmount(node)).toEqual({ fault });
  });

  it("is the same number as a sum of whole fractions, in every spelling", () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(10n ** 30n) + 1n, max: 10n ** 30n - 1n }),
        fc.nat(15),
        fc.nat(31),
        fc.nat(5),
        (units, places, cut, zeros) => {
          // units / 10^places, with the point elsewhere, zeros at both ends, and an exponent that makes up for it.
          const digits = String(units < 0n ? -units : units);
          const at = Math.min(cut, digits.length);
          const exponent = digits.length - at - places;
          const spelling = `${units < 0n ? "-" : "+"}${"0".repeat(zeros)}${digits.slice(0, at)}.${digits.slice(at)}${"0".repeat(zeros)}e${exponent}`;
          const canonical = readAmount(number(`${units}e${-places}`));
          expect("value" in canonical).toBe("value" in readAmount(spelling));
          expect("fault" in canonical).toBe(units !== 0n && digits.length - places > 30);
          if ("value" in canonical) {
            expect(readAmount(spelling)).toEqual(canonical);
            const [whole = "", fraction = ""] = canonical.value.replace("-", "").split(".");
            const scaled = BigInt(whole + fraction.padEnd(15, "0"));
            expect(scaled).toBe((units < 0n ? -units : units) * 10n ** BigInt(15 - places));
            expect(canonical.value).toMatch(/^(0|-?(0|[1-9]\d*)(\.\d*[1-9])?)$/);
            expect(canonical.value.startsWith("-")).toBe(units < 0n);
          }
        },
      ),
    );
  });
});

describe("a name", () => {
  it.each(
    named<string>([
      ["shop", "shop"],
      [" \t\u00a0\ufeffa b\u2028\n", "a b"],
      ["Cafe\u0301", "Cafe\u0301"],
      ["/Pricing?x=1", "/Pricing?x=1"],
      ["é".repeat(512), "é".repeat(512)],
      [number("42"), "42"],
      [number("1e3"), "1000"],
      [number("9007199254740993"), "9007199254740993"],
    ]),
  )("%s is taken", (_, node, value) => {
    expect(readName(node, 1024)).toMatchObject({ value });
  });

  it("has the white space around it that the docs list, and no other, taken off", () => {
    const taken: number[] = [];
    for (let code = 0; code < 0x10000; code++) {
      const value = `x${String.fromCharCode(code)}`;
      if (!("value" in readName(value, 1024))) throw new Error(`refused: ${code}`);
      if (JSON.stringify(readName(value, 1024)) === '{"value":"x"}') taken.push(code);
    }
    const spaces = [9, 10, 11, 12, 13, 0x20, 0xa0, 0x1680];
    for (let code = 0x2000; code <= 0x200a; code++) spaces.push(code);
    spaces.push(0x2028, 0x2029, 0x202f, 0x205f, 0x3000, 0xfeff);
    expect(taken).toEqual(spaces);
  });

  it("that was a number is read with a word of doubt", () => {
    const assumed = "the number 4.20 was read as a text";
    expect(readName(number("4.20"), 1024)).toEqual({ value: "4.2", assumed });
  });

  it.each(
    named<string>([
      ["", "is blank"],
      [" \n", "is blank"],
      [`${"é".repeat(512)}x`, "has 1025 bytes, at most 1024"],
      [true, "true is not a text"],
      [[], "an array is not a text"],
      [new Map(), "an object is not a text"],
      [number("1e400"), `1e400 ${tooLarge}: send a string`],
    ]),
  )("%s is refused", (_, node, fault) => {
    expect(readName(node, 1024)).toEqual({ fault });
  });
});

describe("a time", () => {
  const ten = "2024-01-31T10:00:00.000Z";
  it.each(
    named<string>([
      ["2024-01-31T10:00:00Z", ten],
      ["2024-01-31t10:00:00z", ten],
      ["2024-01-31 10:00:00 UTC", ten],
      ["2024-01-31  10:00 GMT", ten],
      [" 2024-01-31T10:00Z ", ten],
      ["2024-01-31T11:00:00+01:00", ten],
      ["2024-01-31T11:00:00+0100", ten],
      ["2024-01-31T11:00:00 +01", ten],
      ["2024-01-31T00:00:00-10:00", ten],
      ["2024-02-01T01:59:00+15:59", ten],
      ["2024-01-31T10:00:00-00:00", ten],
      ["2024-01-31T10:00:00.5Z", "2024-01-31T10:00:00.500Z"],
      ["2024-01-31T10:00:00,500Z", "2024-01-31T10:00:00.500Z"],
      ["2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z"],
      ["2000-02-29T00:00:00Z", "2000-02-29T00:00:00.000Z"],
      ["2024-12-31T24:00:00Z", "2025-01-01T00:00:00.000Z"],
      ["1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z"],
      ["1969-12-31T23:00:00-01:00", "1970-01-01T00:00:00.000Z"],
      ["2199-12-31T23:59:59.999Z", "2199-12-31T23:59:59.999Z"],
      ["2200-01-01T00:59:59.999+01:00", "2199-12-31T23:59:59.999Z"],
      ["Wed, 31 Jan 2024 10:00:00 GMT", ten],
      ["Tue, 31 Jan 2024 10:00:00 GMT", ten],
      ["31 Jan 2024 11:00 +0100", ten],
      ["wed, 31 jan 2024 05:00:00 -0500 (EST)", ten],
      ["Mon, 1 Jan 2024 10:00:00 UT", "2024-01-01T10:00:00.000Z"],
      [number("0"), "1970-01-01T00:00:00.000Z"],
      [number("1706695200"), ten],
      [number("1706695200.5"), "2024-01-31T10:00:00.500Z"],
      [number("1.7066952e9"), ten],
      [number("1706695200000"), ten],
      [number("1706695200000000"), ten],
      [number("1706695200000000000"), ten],
      ["1706695200", ten],
      ["+1706695200000", ten],
      [number("7258118399"), "2199-12-31T23:59:59.000Z"],
      [number("7258118399999"), "2199-12-31T23:59:59.999Z"],
      [number("100000000000"), "1973-03-03T09:46:40.000Z"],
      [number("20241331"), "1970-08-23T06:35:31.000Z"],
    ]),
  )("%s is an instant", (_, node, iso) => {
    expect(readTime(node)).toEqual({ value: Date.parse(iso) * 1000 });
  });

  it.each(
    named<string>([
      ["2024-01-31", "2024-01-31T00:00:00.000Z"],
      ["2024/01/31", "2024-01-31T00:00:00.000Z"],
      ["2024/01/31 10:00", ten],
      ["2024/01/31 10:00:00", ten],
      ["2024-01-31T10:00", ten],
      ["2024-01-31 10:00:00", ten],
      ["31 Jan 2024 10:00:00", ten],
    ]),
  )("%s without a zone is UTC, with a word of doubt", (_, node, iso) => {
    const assumed = `${show(node)} has no zone and was read as ${iso}`;
    expect(readTime(node)).toEqual({ value: Date.parse(iso) * 1000, assumed });
  });

  it.each(
    named<number>([
      ["2024-01-31T10:00:00.123456Z", 123_456],
      ["2024-01-31T10:00:00.123456789Z", 123_456],
      ["2024-01-31T10:00:00.000001Z", 1],
      ["2024-01-31T10:00:00.0000019Z", 1],
      [number("1706695200.1234569"), 123_456],
      [number("1706695200123.4569"), 123_456],
      [number("1706695200123456.9"), 123_456],
      [number("1706695200123456999"), 123_456],
    ]),
  )("%s keeps its microseconds", (_, node, micros) => {
    expect(readTime(node)).toEqual({ value: Date.parse(ten) * 1000 + micros });
  });

  const outside = "lies outside the years 1970 to 2199";
  const noTime = "is not a time";
  it.each(
    named<string>([
      ["2023-02-29", "is no date of the calendar"],
      ["2100-02-29", "is no date of the calendar"],
      ["2024-02-30", "is no date of the calendar"],
      ["2024-04-31", "is no date of the calendar"],
      ["2024-13-01", "is no date of the calendar"],
      ["2024-00-01", "is no date of the calendar"],
      ["2024-01-00", "is no date of the calendar"],
      ["31 Foo 2024 10:00:00 GMT", "is no date of the calendar"],
      ["2024-01-31T25:00:00Z", "is no time of day"],
      ["2024-01-31T24:00:01Z", "is no time of day"],
      ["2024-01-31T24:00:00.1Z", "is no time of day"],
      ["2024-01-31T10:60:00Z", "is no time of day"],
      ["2024-01-31T10:00:61Z", "is no time of day"],
      ["2016-12-31T23:59:60Z", "is a leap second: send second 59"],
      ["2024-01-31T10:00:00+16:00", "has a zone beyond 15:59 hours"],
      ["2024-01-31T10:00:00+01:60", "has a zone beyond 15:59 hours"],
      ["1969-12-31T23:59:59Z", outside],
      ["2200-01-01", outside],
      ["2199-12-31T24:00:00Z", outside],
      ["0075-01-01", outside],
      ["0001-01-01T00:00:00Z", outside],
      ["01/02/2024", "is ambiguous: send the year first, like 2024-01-31"],
      ["31.01.2024 10:00", "is ambiguous: send the year first, like 2024-01-31"],
      ["1-2-24", "is ambiguous: send the year first, like 2024-01-31"],
      ["2024", "is ambiguous: send a date like 2024-01-31"],
      ["20240131", "is ambiguous: send a date like 2024-01-31"],
      [number("20240131"), "is ambiguous: send a date like 2024-01-31"],
      [number("-1"), `${outside} in every unit`],
      [number("7258118400"), `${outside} in every unit`],
      [number("99999999999"), `${outside} in every unit`],
      [number("7258118400000"), `${outside} in every unit`],
      [number("20240131100000"), `${outside} in every unit`],
      [number("7258118400000000000"), `${outside} in every unit`],
      [number("1e400"), tooLarge],
      ["", noTime],
      ["yesterday", noTime],
      ["10:00", noTime],
      ["2024-1-1", noTime],
      ["2024-01/31", noTime],
      ["2024-01-31T10", noTime],
      ["2024-01-31T10:00:00.1234567890Z", noTime],
      ["2024-01-31T10:00:00 CET", noTime],
      ["2024-W05-3", noTime],
      ["1,706,695,200", noTime],
      ["Invalid Date", noTime],
    ]),
  )("%s is refused", (_, node, fault) => {
    expect(readTime(node)).toEqual({ fault: `${show(node)} ${fault}` });
  });

  it("is no text longer than any form of a time, and no other kind of value", () => {
    expect(readTime("2024-01-31T10:00:00Z".padEnd(200, "x"))).toHaveProperty("fault");
    expect(readTime(true)).toEqual({ fault: "true is not a time" });
    expect(readTime([])).toEqual({ fault: "an array is not a time" });
  });

  it("is the same instant in every form", () => {
    const instants = fc.integer({ min: 1e11, max: 7_258_118_399_999 });
    fc.assert(
      fc.property(instants, fc.integer({ min: -959, max: 959 }), (ms, offset) => {
        const micros = { value: ms * 1000 };
        const iso = new Date(ms).toISOString();
        const local = new Date(ms + offset * 60_000).toISOString().slice(0, -1);
        const two = (value: number) => String(value).padStart(2, "0");
        const minutes = Math.abs(offset);
        const zone = `${offset < 0 ? "-" : "+"}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
        expect(readTime(iso)).toEqual(micros);
        expect(readTime(local + zone)).toEqual(micros);
        expect(readTime(`${local.replace("T", " ")} ${zone.replace(":", "")}`)).toEqual(micros);
        for (const digits of [`${ms}`, `${ms}000`, `${ms}000000`, `${ms}e0`]) {
          expect(readTime(number(digits))).toEqual(micros);
        }
        expect(readTime(`${Math.floor(ms / 1000)}.${String(ms % 1000).padStart(3, "0")}`)).toEqual(
          micros,
        );
        const seconds = { value: Math.floor(ms / 1000) * 1_000_000 };
        expect(readTime(new Date(ms).toUTCString())).toEqual(seconds);
      }),
    );
  });
});
