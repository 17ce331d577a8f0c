import fc from "fast-check";
import { expect, it } from "vitest";
import { createJsonSplitter } from "../../src/formats/json-elements.js";

it("splits any JSON, in any pieces, into elements and the rest", () => {
  const elements = fc.array(fc.jsonValue());
  const around = fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 3 });
  const cuts = fc.array(fc.nat({ max: 400 }), { maxLength: 20 });
  const indent = fc.constantFrom("", " ", "\n\t");
  fc.assert(
    fc.property(elements, around, cuts, indent, (list, rest, at, blank) => {
      const file = JSON.stringify({ ...rest, a: { ...rest, list }, z: rest }, null, blank);
      const splitter = createJsonSplitter(["a", "list"]);
      const ends = [...at.filter((end) => end < file.length).sort((x, y) => x - y), file.length];
      const found = ends.flatMap((end, index) =>
        splitter.write(file.slice(ends[index - 1] ?? 0, end)),
      );
      expect(found.map(({ text }) => JSON.parse(text))).toEqual(JSON.parse(JSON.stringify(list)));
      for (const { line, text } of found) {
        expect(file.split("\n")[line - 1]).toContain(text.split("\n")[0]);
      }
      const skeleton = JSON.parse(splitter.end());
      expect(skeleton).toEqual(
        JSON.parse(JSON.stringify({ ...rest, a: { ...rest, list: [] }, z: rest })),
      );
      expect(splitter.line).toBe(file.split("\n").length);
    }),
  );
});
