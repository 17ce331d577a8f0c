import { describe, expect, it } from "vitest";
import { diffLines } from "../../src/web/pages/run/line-diff.js";

const marks = { expected: "-", actual: "+", both: " " } as const;
const diff = (expected: string, actual: string) =>
  diffLines(expected, actual).map(({ kind, text }) => marks[kind] + text);

describe("diffLines", () => {
  it("keeps what is alike", () => {
    expect(diff("a\nb", "a\nb")).toEqual([" a", " b"]);
  });

  it("shows a changed line between alike ones", () => {
    expect(diff("{\n a\n b\n}", "{\n a\n c\n}")).toEqual([" {", "  a", "- b", "+ c", " }"]);
  });

  it("aligns what was moved apart", () => {
    expect(diff("a\nx\nb\ny\nc", "q\nb\nc\nr")).toEqual(["-a", "-x", "+q", " b", "-y", " c", "+r"]);
  });

  it("counts no line twice where one text repeats the other's end", () => {
    expect(diff("a", "a\na")).toEqual([" a", "+a"]);
    expect(diff("a\na", "a")).toEqual([" a", "-a"]);
  });

  it("does not align thousands of lines that all differ, and loses none", () => {
    const many = (letter: string) =>
      Array.from({ length: 2000 }, (_, line) => `${letter}${line}`).join("\n");
    const lines = diff(many("a"), many("b"));
    expect(lines).toHaveLength(4000);
    expect([lines[0], lines[2000]]).toEqual(["-a0", "+b0"]);
  });
});
