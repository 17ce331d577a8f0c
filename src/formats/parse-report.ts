/** Reads report files of every format into results. */
import type { Attempts } from "./attempts.js";
import { parseCtrf } from "./ctrf.js";
import { parseJunit } from "./junit.js";
import type { ReportFormat, ReportItem } from "./report-item.js";

export interface ParseOptions {
  /** Counts the tries of each test over several files; by default the file has its own. */
  readonly attempts?: Attempts;
}

/**
 * The results and warnings of a report file, in its order and a few at a time: memory stays bounded whatever
 * the file contains. Throws ReportDamage where the file is damaged, after everything that came before.
 */
export function parseReport(
  format: ReportFormat,
  bytes: AsyncIterable<Uint8Array>,
  options: ParseOptions = {},
): AsyncGenerator<ReportItem> {
  return format === "junit"
    ? parseJunit(bytes, options.attempts)
    : parseCtrf(bytes, options.attempts);
}
