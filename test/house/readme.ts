/** The parts of the README that tests hold to the code. */
import { readFile } from "node:fs/promises";

/** The text under a heading, up to the next heading of any level. Empty if there is no such heading. */
export async function readmeSection(heading: string): Promise<string> {
  const text = await readFile(new URL("../../README.md", import.meta.url), "utf8");
  const section: string[] = [];
  let isInside = false;
  let isCode = false;
  for (const line of text.split("\n")) {
    if (line.startsWith("```")) isCode = !isCode;
    // A comment of a shell looks like a heading.
    const [, title] = (isCode ? null : /^#{1,6} +(.*)$/.exec(line)) ?? [];
    if (title === undefined && isInside) section.push(line);
    else if (title !== undefined) isInside = title.trim() === heading;
  }
  return section.join("\n");
}

/** The rows of the first Markdown table in a text, without its head, as cells joined the way tests write them. */
export function tableRows(markdown: string): string[] {
  const lines = markdown.split("\n").map((line) => line.trim());
  const start = lines.findIndex((line) => line.startsWith("|"));
  if (start === -1) return [];
  const end = lines.findIndex((line, i) => i > start && !line.startsWith("|"));
  return lines.slice(start + 2, end === -1 ? undefined : end).map((line) =>
    tableRow(
      line
        .slice(1, -1)
        .split("|")
        .map((cell) => cell.trim()),
    ),
  );
}

export function tableRow(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}
