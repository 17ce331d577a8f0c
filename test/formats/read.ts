/** Reads a report from memory, in pieces of any size, into what tests compare. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { Status } from "../../gen/tally/v1/run_pb.js";
import { parseReport } from "../../src/formats/parse-report.js";
import {
  ReportDamage,
  type ReportFormat,
  type ReportResult,
  type ReportWarning,
} from "../../src/formats/report-item.js";

/** Real files of many tools, which may be absent. */
export const SHARED_REPORTS =
  process.env["TALLY_REPORTS_DIR"] ??
  fileURLToPath(new URL("../../../shared/reports", import.meta.url));

export interface Report {
  readonly results: ReportResult[];
  readonly warnings: ReportWarning[];
  readonly damage: ReportDamage | undefined;
}

/** All that a report yields, and the damage it ends with. */
export async function read(
  format: ReportFormat,
  content: string | Uint8Array,
  pieceBytes = 7919,
): Promise<Report> {
  const bytes = typeof content === "string" ? Buffer.from(content) : content;
  const report = { results: [] as ReportResult[], warnings: [] as ReportWarning[] };
  try {
    for await (const item of parseReport(format, pieces(bytes, pieceBytes))) {
      if (item.kind === "result") report.results.push(item);
      else report.warnings.push(item);
    }
  } catch (error) {
    if (!(error instanceof ReportDamage)) throw error;
    return { ...report, damage: error };
  }
  return { ...report, damage: undefined };
}

/** The bytes of one of our fixtures. */
export function fixture(path: string): Promise<Buffer> {
  return readFile(fileURLToPath(new URL(`../fixtures/reports/${path}`, import.meta.url)));
}

/** A result in one line: `suite | name #attempt STATUS`. */
export function line({ result, retry }: ReportResult): string {
  const { test, attempt, status } = result;
  return `${test?.suite} | ${test?.name} #${attempt}${retry ? "r" : ""} ${Status[status]}`;
}

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
