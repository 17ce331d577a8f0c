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

/** Replaces the table between the marks by the figures of this run. */
export async function writeTable(measured: readonly Measurement[]): Promise<void> {
  const file = new URL("../../bench/README.md", import.meta.url);
  const page = await readFile(file, "utf8");
  const [before, after] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (before === -1 || after === -1) throw new Error("bench/README.md has lost the table's marks");
  const table = [
    `${new Date().toISOString().slice(0, 10)}, ${machine()}:`,
    "",
    "| Figure | Value | Limit | Ratio | Conditions |",
    "|---|---|---|---|---|",
    ...measured.map(row),
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
