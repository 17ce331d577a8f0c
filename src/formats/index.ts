/** What the published package offers of the formats: readers of report and event files, writers of reports. */
export { type Attempts, createAttempts } from "./attempts.js";
export { type EventFormat, readEvents } from "./event-documents.js";
export type { EventItem } from "./event-item.js";
export { createLosses, type Losses } from "./losses.js";
export { type ParseOptions, parseReport } from "./parse-report.js";
export {
  ReportDamage,
  type ReportFormat,
  type ReportItem,
  type ReportResult,
  type ReportWarning,
} from "./report-item.js";
export type { PartResult } from "./tries.js";
export { writeCtrf } from "./write-ctrf.js";
export { writeJunit } from "./write-junit.js";
