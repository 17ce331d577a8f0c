import fc from "fast-check";
import { expect, it } from "vitest";
import { csvLine } from "../src/csv.js";

it.each([
  [["a", "b"], "a,b"],
  [["", ""], ","],
  [['say "hi"', "a,b", "two\nlines", "cr\r"], '"say ""hi""","a,b","two\nlines","cr\r"'],
  [[" a", "a "], '" a","a "'],
  [["ä 日本 😀"], "ä 日本 😀"],
  [["=1+1", "+1", "@x", "\tx", "\rx"], `'=1+1,'+1,'@x,'\tx,"'\rx"`],
  [['=HYPERLINK("x")'], `"'=HYPERLINK(""x"")"`],
  [["-1", "-1.50", "-0"], "-1,-1.50,-0"],
  [["-1+1", "-a", "-", "--1", "-1e5", "-1\n"], `'-1+1,'-a,'-,'--1,'-1e5,"'-1\n"`],
  [["a=1", "1-2", "a@b"], "a=1,1-2,a@b"],
])("writes %j", (cells, line) => {
  expect(csvLine(cells)).toBe(`${line}\r\n`);
});

it("can be read back, cell by cell", () => {
  const cell = fc.oneof(fc.string(), fc.constantFrom('"', ",", "\r\n", "=", "-1", '","'));
  fc.assert(
    fc.property(fc.array(cell, { minLength: 1 }), (cells) => {
      const read = readLine(csvLine(cells)).map((text, i) =>
        text === `'${cells[i]}` ? text.slice(1) : text,
      );
      expect(read).toEqual(cells);
    }),
  );
});

/** The grammar of RFC 4180, for one line. */
function readLine(line: string): string[] {
  const cells = [...line.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n$)/gy)];
  expect(cells.map(([all]) => all).join("")).toBe(line);
  return cells.map(([, quoted, plain = ""]) => quoted?.replaceAll('""', '"') ?? plain);
}
