/** What a run of the bench leaves in bench/README.md. */
import { readFile, writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import type { Measurement } from "./figure.js";

/** The value as a share of its limit; null where there is none. */
export function ratioOf({ value, limit }: Measurement): number | null {
  return limit === null ? null : value / limit;
}

/** The processor and the version of Node. */
export function machine(): string {
  const [cpu] = cpus();
  return `${cpus().length} × ${cpu?.model ?? "unknown"}, Node ${process.version}`;
}

/** Replaces the rows of these figures in the table between the marks; those of others stay. */
export async function writeTable(measured: readonly Measurement[]): Promise<void> {
  const file = new URL("../../bench/README.md", import.meta.url);
  const page = await readFile(file, "utf8");
  const [before, after] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (before === -1 || after === -1) throw new Error("bench/README.md has lost the table's marks");
  const rows = new Map<string, string>();
  for (const line of page.slice(before, after).split("\n")) {
    const name = /^\| `([^`]+)`/.exec(line)?.[1];
    if (name !== undefined) rows.set(name, line);
  }
  for (const measurement of measured) rows.set(measurement.name, row(measurement));
  const table = [
    `Last on ${new Date().toISOString().slice(0, 10)}, ${machine()}:`,
    "",
    "| Figure | Value | Limit | Ratio | Conditions |",
    "|---|---|---|---|---|",
    ...rows.values(),
  ].join("\n");
  await writeFile(file, `${page.slice(0, before + BEGIN.length)}\n${table}\n${page.slice(after)}`);
}

const BEGIN = "<!-- figures -->";
const END = "<!-- end of figures -->";

function row(measurement: Measurement): string {
  const { name, value, unit, limit, conditions } = measurement;
  const ratio = ratioOf(measurement)?.toFixed(2) ?? "";
  const shownLimit = limit === null ? "" : shown(limit);
  return `| \`${name}\` | ${shown(value)} ${unit} | ${shownLimit} | ${ratio} | ${conditions} |`;
}

function shown(value: number): string {
  return value < 100 ? value.toFixed(1) : Math.round(value).toLocaleString("en");
}
