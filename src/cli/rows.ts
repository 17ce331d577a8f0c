/** Lists as people or programs want them: a table, CSV, or the answer as JSON. */
import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { type Command, Option } from "commander";
import { csvLine } from "../csv.js";
import type { Context } from "./context.js";
import { table } from "./table.js";

export type RowFormat = "table" | "csv";
export type Row = Readonly<Record<string, string>>;

/** Adds `--format`. */
export function addFormatOption(command: Command): Command {
  return command.addOption(
    new Option("--format <format>", "how the rows are printed")
      .choices(["table", "csv"])
      .default("table"),
  );
}

/**
 * Prints the rows of an answer, all of which have the columns of the first; with `--json` the answer itself. Above a
 * table stands `head`, and `none` in place of one without rows. CSV is the rows alone.
 */
export function printRows<D extends DescMessage>(
  context: Context,
  desc: D,
  answer: MessageShape<D>,
  { rows, columns, format, head = "", none }: RowsOutput,
): void {
  if (format === "csv" && !context.json) {
    const lines = [columns, ...rows.map((row) => columns.map((column) => row[column] ?? ""))];
    context.surroundings.stdout.write(lines.map(csvLine).join(""));
    return;
  }
  context.print(desc, answer, () =>
    [...(head === "" ? [] : [head]), rows.length === 0 ? none : table(rows)].join("\n\n"),
  );
}

export interface RowsOutput {
  readonly rows: readonly Row[];
  /** Of the CSV, which has them also where there are no rows. */
  readonly columns: readonly string[];
  readonly format: RowFormat;
  readonly head?: string;
  readonly none: string;
}
