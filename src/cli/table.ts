/** Rows as aligned text. */

/**
 * A header and a line per row, columns in the order of the first row; empty text for no rows. What a terminal would act
 * on, in a name or a message, is shown as its code.
 */
export function table(rows: readonly Readonly<Record<string, string>>[]): string {
  const [first] = rows;
  if (first === undefined) return "";
  const columns = Object.keys(first);
  const lines = [
    columns,
    ...rows.map((row) => columns.map((column) => harmless(row[column] ?? ""))),
  ];
  const widths = columns.map((_, index) =>
    Math.max(...lines.map((line) => line[index]?.length ?? 0)),
  );
  return lines
    .map((line) =>
      line
        .map((cell, index) => cell.padEnd(widths[index] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** The text with what a terminal would act on as its code, also line ends. */
export function harmless(text: string): string {
  return text.replace(ACTING, (char) => `<${char.codePointAt(0)?.toString(16).padStart(4, "0")}>`);
}

/** Control characters, and those that turn the direction of text. */
const ACTING = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;
