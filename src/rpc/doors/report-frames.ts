/** A report file as the frames of an upload. */
import { create } from "@bufbuild/protobuf";
import {
  type UploadResultsRequest,
  UploadResultsRequestSchema,
} from "../../../gen/tally/v1/ingest_service_pb.js";
import type { TestResult } from "../../../gen/tally/v1/run_pb.js";
import { parseReport } from "../../formats/parse-report.js";
import { ReportDamage, type ReportFormat, type ReportWarning } from "../../formats/report-item.js";
import { sizeOf } from "../../ingest/ingest-batch.js";

/** Results of a file that make one batch, and bytes from which on fewer do. */
const RESULTS_PER_BATCH = 1_000;
const BYTES_PER_BATCH = 1024 * 1024;

/** The frames of an upload, made while the file comes in; warnings and damage are known at their end. */
export function reportFrames(
  format: ReportFormat,
  open: UploadResultsRequest,
  bytes: AsyncIterable<Uint8Array>,
) {
  const warnings: ReportWarning[] = [];
  const file = {
    warnings,
    damage: null as ReportDamage | null,
    frames: frames(),
  };
  async function* frames(): AsyncGenerator<UploadResultsRequest> {
    yield open;
    let sequence = 0n;
    let results: TestResult[] = [];
    let size = 0;
    const batch = () =>
      create(UploadResultsRequestSchema, {
        frame: { case: "batch", value: { sequence: sequence++, results } },
      });
    try {
      for await (const item of parseReport(format, bytes)) {
        if (item.kind === "warning") {
          warnings.push(item);
          continue;
        }
        results.push(item.result);
        size += sizeOf([item.result]);
        if (results.length < RESULTS_PER_BATCH && size < BYTES_PER_BATCH) continue;
        yield batch();
        results = [];
        size = 0;
      }
    } catch (error) {
      if (!(error instanceof ReportDamage)) throw error;
      file.damage = error;
    }
    if (results.length > 0) yield batch();
    if (file.damage === null) {
      yield create(UploadResultsRequestSchema, { frame: { case: "finish", value: {} } });
    }
  }
  return file;
}
